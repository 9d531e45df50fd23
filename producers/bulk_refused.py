"""What a campaign's command says of rows that were refused: where and why, and nothing of what stands in them.

Enters: rows with their problems. Leaves: lines on standard error, the first twenty of them, and every row as it was, with line
and reason, in a CSV that only its owner may read, which can be mended and enqueued like any other. Fails with ``OSError``.
"""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import click

from producers.bulk_file import Row
from producers.bulk_header import LINE, REASON
from producers.rejection import Problem

_TOLD = 20


class RefusedRows:
    """Tells of refused rows as they come."""

    def __init__(self, path: Path | None, header: Sequence[str]) -> None:
        self.count = 0
        self._path = path
        self._file = _private(path) if path else None
        self._rows = csv.writer(self._file) if self._file else None
        if self._rows:
            self._rows.writerow([LINE, REASON, *header])

    def add(self, row: Row, problems: Iterable[Problem]) -> None:
        """One row was refused."""
        self.count += 1
        reason = "; ".join(str(problem) for problem in problems)
        if self.count <= _TOLD:
            click.echo(f"line {row.line}: {reason}", err=True)
        if self._rows:
            self._rows.writerow([row.line, reason, *row.cells])

    def close(self) -> None:
        """Tell how many were not told of, and finish the file."""
        if self._file:
            self._file.close()
        if self.count > _TOLD:
            place = f"they are in {self._path}" if self._path else "--errors FILE writes them to a file"
            click.echo(f"and {self.count - _TOLD} more; {place}", err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _private(path: Path) -> TextIO:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600)
    return os.fdopen(number, "w", encoding="utf-8-sig", newline="")  # with a BOM, by which Excel knows UTF-8

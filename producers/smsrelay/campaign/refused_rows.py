"""RefusedRows: reports the rows of a campaign that were refused.

Prints line number and reason on standard error, for the first twenty, and nothing of the content. Optionally writes every refused
row unchanged, with line and reason, to a CSV file that only its owner can read and in which no spreadsheet runs formulas. That
file can be corrected and enqueued like any other. Raises ``Rejection`` if it cannot be made private, and ``OSError``.
"""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import click

from smsrelay.campaign.csv_file import Survey
from smsrelay.campaign.csv_reader import csv_line
from smsrelay.campaign.header import LINE, REASON, is_extra_column
from smsrelay.campaign.row import Row
from smsrelay.campaign.spreadsheet_formula import neutralised
from smsrelay.contract.character import escaped
from smsrelay.contract.rejection import Problem, Rejection

_MOST_SHOWN = 20


class RefusedRows:
    """Collects refused rows; ``path``: the file for them, if any."""

    def __init__(self, path: Path | None, survey: Survey) -> None:
        self.count = 0
        self._path = path
        self._delimiter = survey.delimiter
        self._dropped = {place for place, cell in enumerate(survey.header) if is_extra_column(cell)}
        self._file = _private(path) if path else None
        self._write(LINE, REASON, survey.header)

    def add(self, row: Row, problems: Iterable[Problem]) -> None:
        """Report one refused row."""
        self.count += 1
        reason = escaped("; ".join(str(problem) for problem in problems))
        if self.count <= _MOST_SHOWN:
            click.echo(f"line {row.line}: {reason}", err=True)
        self._write(str(row.line), reason, row.cells, row.stray)

    def flush(self) -> None:
        """Write all rows so far to the file; raises ``OSError``."""
        if self._file:
            self._file.flush()

    def close(self) -> None:
        """Close the file, and print how many refused rows were not shown."""
        if self._file:
            self._file.close()
        if self.count > _MOST_SHOWN:
            place = f"they are in {escaped(str(self._path))}" if self._path else "--errors FILE writes them to a file"
            click.echo(f"and {self.count - _MOST_SHOWN} more; {place}", err=True)

    def _write(self, line: str, reason: str, cells: list[str], stray: tuple[int, ...] = ()) -> None:
        if self._file is None:
            return
        kept = [(place in stray, neutralised(cell)) for place, cell in enumerate(cells) if place not in self._dropped]
        bare = tuple(place for place, (is_stray, _) in enumerate(kept, 2) if is_stray)
        self._file.write(csv_line([line, reason, *(cell for _, cell in kept)], self._delimiter, bare))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _private(path: Path) -> TextIO:
    """Open the file for writing, emptied and readable by its owner only, whatever its mode was. Raises ``Rejection``."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, mode=0o600)
    except OSError as error:
        linked = error.errno == errno.ELOOP
        reason = "is a symbolic link; give the file itself" if linked else f"cannot be opened: {error.strerror}"
        raise Rejection.of("--errors", reason) from None
    file = os.fdopen(number, "w", encoding="utf-8-sig", newline="")  # with a BOM, by which Excel recognises UTF-8
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise Rejection.of("--errors", "is not a regular file")
        os.fchmod(number, 0o600)
        os.ftruncate(number, 0)
    except OSError as error:
        file.close()
        raise Rejection.of("--errors", f"cannot be made readable by you alone: {error.strerror}") from None
    except Rejection:
        file.close()
        raise
    return file

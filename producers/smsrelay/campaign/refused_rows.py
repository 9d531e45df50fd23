"""What a campaign's command says of rows that were refused: where and why, and nothing of what stands in them.

Takes rows with their problems. Prints lines on standard error, the first twenty of them, and writes every row as it was, with
line and reason, to a CSV that only its owner may read and no spreadsheet runs as formulas. It can be mended and enqueued like any
other. Raises ``Rejection`` for a file that cannot be made private, and ``OSError``.
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
from smsrelay.campaign.header import LINE, REASON, of_refused_row
from smsrelay.campaign.row import Row
from smsrelay.campaign.spreadsheet_formula import neutralised
from smsrelay.contract.character import escaped
from smsrelay.contract.rejection import Problem, Rejection

_TOLD = 20


class RefusedRows:
    """Tells of refused rows as they come."""

    def __init__(self, path: Path | None, survey: Survey) -> None:
        self.count = 0
        self._path = path
        self._delimiter = survey.delimiter
        self._dropped = {place for place, cell in enumerate(survey.header) if of_refused_row(cell)}
        self._file = _private(path) if path else None
        self._write(LINE, REASON, survey.header)

    def add(self, row: Row, problems: Iterable[Problem]) -> None:
        """One row was refused."""
        self.count += 1
        reason = escaped("; ".join(str(problem) for problem in problems))
        if self.count <= _TOLD:
            click.echo(f"line {row.line}: {reason}", err=True)
        self._write(str(row.line), reason, row.cells, row.stray)

    def flush(self) -> None:
        """Have the file hold all rows so far; raises ``OSError``."""
        if self._file:
            self._file.flush()

    def close(self) -> None:
        """Tell how many were not told of, and finish the file."""
        if self._file:
            self._file.close()
        if self.count > _TOLD:
            place = f"they are in {escaped(str(self._path))}" if self._path else "--errors FILE writes them to a file"
            click.echo(f"and {self.count - _TOLD} more; {place}", err=True)

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
    """The file, empty, for its owner alone, whoever could read it before; raises ``Rejection`` or ``OSError``."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, mode=0o600)
    except OSError as error:
        linked = error.errno == errno.ELOOP
        reason = "is a symbolic link; give the file itself" if linked else f"cannot be opened: {error.strerror}"
        raise Rejection.of("--errors", reason) from None
    file = os.fdopen(number, "w", encoding="utf-8-sig", newline="")  # with a BOM, by which Excel knows UTF-8
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

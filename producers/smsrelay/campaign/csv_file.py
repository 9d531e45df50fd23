"""A campaign's file: a CSV as spreadsheets write it, read line by line.

Takes a path, and how the file is written where that cannot be told. Returns a ``Survey`` of the whole file, made before anything
is sent, then its rows, one at a time in bounded memory. Raises ``Rejection`` when the file is not text in that encoding, has no
header or a quote that is not closed, or changes while it is read, and ``OSError``.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import IO

from smsrelay.campaign.csv_reader import CsvRows
from smsrelay.campaign.file_encoding import checked_digest
from smsrelay.campaign.header import NO_CHOICE, ColumnChoice, Columns, is_of_refused_rows, read_header
from smsrelay.campaign.row import Row
from smsrelay.campaign.spreadsheet_formula import restored
from smsrelay.contract.rejection import Rejection

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
DELIMITERS = tuple(_DELIMITERS)
_DECLARED = re.compile(r'"?sep=([^\w\s"])"?[,;\t]*\s*|"?sep=(\t)"?\s*', re.IGNORECASE)  # Excel's first line
_QUOTED = re.compile(r'"[^"]*"')
_CHANGED = "was changed while it was read"
_MARK = "\ufeff"
_LOOK = 500  # rows between two looks at whether the file is still the same


@dataclass(frozen=True, slots=True)
class Survey:
    """What reading a file once without sending anything tells."""

    header: list[str]
    columns: Columns
    delimiter: str
    rows: int
    digest: str  # of its bytes
    version: tuple[int, int, int]  # of the file: what changes when somebody saves it


class CsvFile:
    """Reads one file, as often as it is asked to."""

    def __init__(self, path: Path, encoding: str = "utf-8-sig", delimiter: str | None = None) -> None:
        self._path = path
        self._encoding = encoding
        self._delimiter = _DELIMITERS[delimiter] if delimiter else None

    def survey(self, choice: ColumnChoice = NO_CHOICE) -> Survey:
        """Reads it whole; raises ``Rejection`` or ``OSError``."""
        if not stat.S_ISREG(self._path.stat().st_mode):
            raise Rejection.of("FILE", "must be a regular file, for it is read twice")
        with self._path.open("rb") as file:
            version = _version(file)
            digest = checked_digest(file, self._encoding)
        with self._open() as text:
            delimiter, rows = self._rows(text)
            header = next(rows, Row(1, []))
            if not header.cells:
                raise Rejection.of("line 1", "must be a header, like to,template,lane,reference,p1")
            if header.stray:
                reason = f"cell {header.stray[0] + 1} of the header holds a quotation mark without being quoted"
                raise Rejection.of(f"line {header.line}", reason)
            columns = read_header(header.cells, choice)
            return Survey(header.cells, columns, delimiter, sum(1 for _ in rows), digest, version)

    def rows(self, survey: Survey) -> Iterator[Row]:
        """Every row but the header and blank ones; raises ``Rejection`` when the file is no longer the surveyed one."""
        with self._open() as text:
            _, rows = self._rows(text)
            try:
                for number, row in enumerate(rows):
                    if number % _LOOK == 0:
                        _same(text, survey)
                    if number:
                        yield row
            except UnicodeError:
                raise Rejection.of("FILE", _CHANGED) from None
            _same(text, survey)

    def _rows(self, text: IO[str]) -> tuple[str, Iterator[Row]]:
        """The delimiter, and all rows, the header first."""
        first, line, declared = text.readline().lstrip(_MARK), 0, None
        while first and (_is_blank(first) or (not declared and _DECLARED.fullmatch(first))):
            declared = declared or _DECLARED.fullmatch(first)
            first, line = text.readline(), line + 1
        delimiter = self._delimiter or (declared and (declared[1] or declared[2])) or _likely_delimiter(first)
        rows = iter(CsvRows(chain([first] if first else [], text), delimiter, line))
        header = next(rows, None)
        if header is None:
            return delimiter, iter(())
        every = chain([header], rows)
        return delimiter, map(_restored, every) if is_of_refused_rows(header.cells) else every

    def _open(self) -> IO[str]:
        return self._path.open(encoding=self._encoding, newline="")


def _version(file: IO[bytes] | IO[str]) -> tuple[int, int, int]:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns


def _same(file: IO[str], survey: Survey) -> None:
    if _version(file) != survey.version:
        raise Rejection.of("FILE", _CHANGED)


def _restored(row: Row) -> Row:
    return replace(row, cells=[restored(cell) for cell in row.cells])


def _is_blank(line: str) -> bool:
    return not line.strip(",;\t \r\n")


def _likely_delimiter(header: str) -> str:
    """The one that the header holds; the comma where it says nothing."""
    unquoted = _QUOTED.sub("", header)
    return max(",;\t", key=unquoted.count)

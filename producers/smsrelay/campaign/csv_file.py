"""CsvFile: a campaign's file, a CSV as spreadsheets write it.

It is read twice: first whole, into a ``Survey``, before anything is sent; then row by row, in bounded memory. Raises
``Rejection`` if the file is not text in the given encoding, has no header, has an unclosed quote, or changes while it is read;
and ``OSError``.
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
from smsrelay.campaign.header import NO_CHOICE, ColumnChoice, Columns, is_refused_rows_file, read_header
from smsrelay.campaign.row import Row
from smsrelay.campaign.spreadsheet_formula import restored
from smsrelay.contract.rejection import Rejection

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
DELIMITERS = tuple(_DELIMITERS)
_DECLARED = re.compile(r'"?sep=([^\w\s"])"?[,;\t]*\s*|"?sep=(\t)"?\s*', re.IGNORECASE)  # Excel's first line
_QUOTED = re.compile(r'"[^"]*"')
_CHANGED = "was changed while it was read"
_BYTE_ORDER_MARK = "\ufeff"
_CHECK_EVERY = 500  # rows between two checks that the file has not changed


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first reading of a file finds out."""

    header: list[str]
    columns: Columns
    delimiter: str
    rows: int
    digest: str  # of the file's bytes
    version: tuple[int, int, int]  # inode, size and mtime: they change when somebody saves the file


class CsvFile:
    """One CSV file. ``delimiter`` is a name out of ``DELIMITERS``; without it the header decides."""

    def __init__(self, path: Path, encoding: str = "utf-8-sig", delimiter: str | None = None) -> None:
        self._path = path
        self._encoding = encoding
        self._delimiter = _DELIMITERS[delimiter] if delimiter else None

    def survey(self, choice: ColumnChoice = NO_CHOICE) -> Survey:
        """Read the whole file; raises ``Rejection`` or ``OSError``."""
        if not stat.S_ISREG(self._path.stat().st_mode):
            raise Rejection.of("FILE", "must be a regular file, because it is read twice")
        with self._path.open("rb") as file:
            file.seek(0)  # as below
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
        """Every row except the header and blank ones; raises ``Rejection`` if the file has changed since the survey."""
        with self._open() as text:
            _, rows = self._rows(text)
            try:
                for number, row in enumerate(rows):
                    if number % _CHECK_EVERY == 0:
                        _require_unchanged(text, survey)
                    if number:
                        yield row
            except UnicodeError:
                raise Rejection.of("FILE", _CHANGED) from None
            _require_unchanged(text, survey)

    def _rows(self, text: IO[str]) -> tuple[str, Iterator[Row]]:
        """The delimiter, and all rows, the header first."""
        first, line, declared = text.readline().lstrip(_BYTE_ORDER_MARK), 0, None
        while first and (_is_blank(first) or (not declared and _DECLARED.fullmatch(first))):
            declared = declared or _DECLARED.fullmatch(first)
            first, line = text.readline(), line + 1
        delimiter = self._delimiter or (declared and (declared[1] or declared[2])) or _likely_delimiter(first)
        rows = iter(CsvRows(chain([first] if first else [], text), delimiter, line))
        header = next(rows, None)
        if header is None:
            return delimiter, iter(())
        every = chain([header], rows)
        return delimiter, map(_restored, every) if is_refused_rows_file(header.cells) else every

    def _open(self) -> IO[str]:
        file = self._path.open(encoding=self._encoding, newline="")
        file.seek(0)  # a copy of standard input is opened by its descriptor, which macOS does not rewind
        return file


def _version(file: IO[bytes] | IO[str]) -> tuple[int, int, int]:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns


def _require_unchanged(file: IO[str], survey: Survey) -> None:
    if _version(file) != survey.version:
        raise Rejection.of("FILE", _CHANGED)


def _restored(row: Row) -> Row:
    return replace(row, cells=[restored(cell) for cell in row.cells])


def _is_blank(line: str) -> bool:
    return not line.strip(",;\t \r\n")


def _likely_delimiter(header: str) -> str:
    """The delimiter that occurs most often in the header; the comma if none does."""
    unquoted = _QUOTED.sub("", header)
    return max(",;\t", key=unquoted.count)

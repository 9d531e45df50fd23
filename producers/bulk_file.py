"""A campaign's file: a CSV as spreadsheets write it, read line by line.

Enters: a path, and how the file is written where that cannot be told. Leaves: a ``Survey`` of the whole file, made before
anything is sent, then its rows, one at a time in bounded memory. Fails with ``Rejection`` when the file is not text in that
encoding, has no header or a quote without an end, and with ``OSError``.
"""

import codecs
import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from producers.bulk_header import Columns, read_header
from producers.rejection import Rejection

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
DELIMITERS = tuple(_DELIMITERS)
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file. Its repr shows no cell: one is a phone number."""

    line: int  # where it begins, from 1; the header is line 1
    cells: list[str]

    def __repr__(self) -> str:
        return f"Row(line={self.line})"


@dataclass(frozen=True, slots=True)
class Survey:
    """What reading a file once without sending anything tells."""

    header: list[str]
    columns: Columns
    rows: int
    digest: str  # of its bytes


class BulkFile:
    """Reads one file, as often as it is asked to."""

    def __init__(self, path: Path, encoding: str = "utf-8-sig", delimiter: str | None = None) -> None:
        self._path = path
        self._encoding = encoding
        self._delimiter = _DELIMITERS[delimiter] if delimiter else None

    def survey(self, ignored: Sequence[str] = ()) -> Survey:
        """Reads it whole; raises ``Rejection`` or ``OSError``."""
        digest = self._decoded()
        with self._open() as text:
            rows = self._cells(text)
            header = next(rows, Row(1, [])).cells
            if not header:
                raise Rejection.of("line 1", "must be a header, like to,template,lane,reference,p1")
            return Survey(header, read_header(header, ignored), sum(1 for _ in rows), digest)

    def rows(self) -> Iterator[Row]:
        """Every row but the header and empty ones."""
        with self._open() as text:
            rows = self._cells(text)
            next(rows, None)
            yield from rows

    def _cells(self, text: IO[str]) -> Iterator[Row]:
        reader = csv.reader(text, delimiter=self._delimiter or _likely_delimiter(text), strict=True)
        ended = 0
        try:
            for cells in reader:
                line, ended = ended + 1, reader.line_num
                if any(cell and not cell.isspace() for cell in cells):  # spreadsheets end a file with rows of nothing
                    yield Row(line, cells)
        except csv.Error:
            reason = "is not CSV: a quote is not closed, or something follows a closed one"
            raise Rejection.of(f"line {ended + 1}", reason) from None

    def _open(self) -> IO[str]:
        return self._path.open(encoding=self._encoding, newline="")

    def _decoded(self) -> str:
        """Digest of the bytes; raises ``Rejection`` when they are not text in the encoding."""
        digest = hashlib.sha256()
        decoder = codecs.getincrementaldecoder(self._encoding)()
        lines = 1
        with self._path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                lines += self._decodable(decoder, block, lines)
            self._decodable(decoder, b"", lines, final=True)
        return digest.hexdigest()

    def _decodable(self, decoder: codecs.IncrementalDecoder, block: bytes, line: int, final: bool = False) -> int:
        """Lines that end in the block."""
        try:
            return decoder.decode(block, final).count("\n")
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
        if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise Rejection.of("--encoding", "the file is UTF-16 (“Unicode text”): give --encoding utf-16")
        named = "UTF-8" if self._encoding == "utf-8-sig" else self._encoding
        advice = "a plain “CSV” of a Chinese Excel is GBK: give --encoding gb18030, or save the file as “CSV UTF-8”"
        raise Rejection.of("--encoding", f"line {line} is not {named}; {advice}")


def _likely_delimiter(text: IO[str]) -> str:
    """The one that the first line holds; the comma where it says nothing."""
    first = text.readline()
    text.seek(0)
    return max(",;\t", key=first.count)

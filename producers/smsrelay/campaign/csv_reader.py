"""Reads and writes CSV, as in RFC 4180 and as spreadsheets write it, without guessing about doubtful quotation marks.

Takes lines with their line ends; yields a ``Row`` for each record that is not blank. Raises ``Rejection`` with the line of a
quote that is not closed, or that is followed by text, because then it is unclear where the record ends. Blanks around a quoted
cell are not part of it. A quotation mark inside an unquoted cell is noted in ``Row.stray``.
"""

import re
from collections.abc import Iterator

from smsrelay.campaign.row import Row
from smsrelay.contract.rejection import Rejection

QUOTE = '"'
_LONGEST_CELL = 128 * 1024  # characters; bounds what an unclosed quote can swallow
_BODY = re.compile(r'(?:[^"]+|"")*+')


class CsvRows:
    """The rows of one file; can be iterated once."""

    def __init__(self, lines: Iterator[str], delimiter: str, line: int = 0) -> None:
        """``line``: how many lines of the file were read already."""
        self._lines = lines
        self._line = line
        self._delimiter = delimiter
        blank, end = " " if delimiter == "\t" else " \t", rf"({re.escape(delimiter)}|[\r\n]+|\Z)"
        self._opening = re.compile(rf'[{blank}]*"')
        self._closed = re.compile(rf"[{blank}]*{end}")
        self._unquoted = re.compile(rf"([^{re.escape(delimiter)}\r\n]*){end}")
        self._all_quoted = re.compile(rf'"[^"\r\n]*"(?:{re.escape(delimiter)}"[^"\r\n]*")*[\r\n]*')

    def __iter__(self) -> Iterator[Row]:
        for text in self._lines:
            self._line += 1
            row = self._quoted_row(text) if QUOTE in text else self._plain_row(text)
            if any(cell and not cell.isspace() for cell in row.cells):  # spreadsheets end a file with blank rows
                yield row

    def _plain_row(self, text: str) -> Row:
        return Row(self._line, text.rstrip("\r\n").split(self._delimiter))

    def _quoted_row(self, text: str) -> Row:
        if self._all_quoted.fullmatch(text):  # fast path: many programs quote every cell
            return Row(self._line, text.rstrip("\r\n")[1:-1].split(QUOTE + self._delimiter + QUOTE))
        begins, place, end = self._line, 0, self._delimiter
        cells: list[str] = []
        stray: list[int] = []
        while end == self._delimiter:
            opening = self._opening.match(text, place)
            if opening:
                cell, text, place = self._quoted_cell(text, opening.end())
                closed = self._closed.match(text, place)
            else:
                closed = self._unquoted.match(text, place)
                cell = closed[1] if closed else ""
                stray += [len(cells)] if QUOTE in cell else []
            if closed is None:
                raise Rejection.of(f"line {self._line}", f"is not CSV: text follows the closing quote of cell {len(cells) + 1}")
            cells.append(cell)
            place, end = closed.end(), closed[closed.lastindex or 1]
        return Row(begins, cells, tuple(stray), folded=self._line > begins)

    def _quoted_cell(self, text: str, place: int) -> tuple[str, str, int]:
        """Read a quoted cell from after its opening quote; returns it, the line that closes it, and the index after the quote."""
        opened, pieces, length = self._line, [], 0
        while True:
            body = _BODY.match(text, place)
            end = body.end() if body else place
            pieces.append(text[place:end])
            length += end - place
            if end < len(text):
                return "".join(pieces).replace(QUOTE * 2, QUOTE), text, end + 1
            following = next(self._lines, None) if length <= _LONGEST_CELL else None
            if following is None:
                raise Rejection.of(f"line {opened}", "is not CSV: a quote is opened but not closed")
            self._line += 1
            text, place = following, 0


def csv_line(cells: list[str], delimiter: str, stray: tuple[int, ...] = ()) -> str:
    """A record that ``CsvRows`` reads back unchanged; cells at the indexes ``stray`` keep their quotation marks as they are."""
    return delimiter.join(cell if place in stray else _quoted(cell, delimiter) for place, cell in enumerate(cells)) + "\r\n"


def _quoted(cell: str, delimiter: str) -> str:
    plain = not any(mark in cell for mark in (delimiter, QUOTE, "\r", "\n")) and cell == cell.strip()
    return cell if plain else QUOTE + cell.replace(QUOTE, QUOTE * 2) + QUOTE

"""Detects rows whose cells may have shifted out of their columns, by a missing quote or a stray delimiter.

A problem names cells by position and never quotes them.
"""

from collections.abc import Sequence
from itertools import pairwise

from smsrelay.campaign.header import Columns
from smsrelay.campaign.row import Row
from smsrelay.contract.character import without_format
from smsrelay.contract.phone_number import e164
from smsrelay.contract.rejection import Problem

_QUOTE = "a text with a delimiter or a quotation mark in it must be quoted"


def misalignment(row: Row, columns: Columns, delimiter: str) -> Problem | None:
    """Why it is unclear which cell belongs to which column; ``None`` when it is clear."""
    cells, width = row.cells, columns.width
    if len(cells) == width and not (row.stray or row.folded or columns.unnamed):
        return None  # fast path: nearly all rows
    if row.stray:
        return Problem("row", f"cell {row.stray[0] + 1} holds a quotation mark without being quoted; {_QUOTE}")
    if len(cells) < width:
        return Problem("row", f"ends at cell {len(cells)}, the header at column {width}; any cell may be the missing one")
    if row.folded and _holds_row(cells, columns, delimiter):
        return Problem("row", "holds lines that are rows of their own; a quote may not be closed")
    return _extra_cells(cells, columns)


def _extra_cells(cells: Sequence[str], columns: Columns) -> Problem | None:
    """Cells outside the header's columns, if they mean that others may have shifted."""
    width = columns.width
    outside = next((place for place in (*columns.unnamed, *range(width, len(cells))) if not _is_blank(cells[place])), None)
    if outside is not None:
        where = " under a column without a name" if outside < width else f", and the header ends at column {width}"
        return Problem("row", f"cell {outside + 1} is not empty{where}; {_QUOTE}")
    if len(cells) > columns.padded and _may_have_moved(cells, columns):
        return Problem("row", f"has empty cells beyond the header, so others may have moved by a column; {_QUOTE}")
    return None


def _is_blank(cell: str) -> bool:
    return not without_format(cell).strip()


def _may_have_moved(cells: Sequence[str], columns: Columns) -> bool:
    """Whether two neighbouring cells may be one text with a delimiter in it; the cells after them then moved by a column."""
    whole = {columns.places.get(name) for name in ("to", "template", "lane")}  # checked on their own
    filled = [place not in whole and not _is_blank(cells[place]) for place in range(columns.width)]
    return any(first and second for first, second in pairwise(filled))


def _holds_row(cells: Sequence[str], columns: Columns, delimiter: str) -> bool:
    """Whether a cell of several lines contains a row: a quote opened by mistake extends to the next one in the file."""
    lines = (line for cell in cells for line in cell.splitlines()[1:])
    place = columns.places["to"]
    return any(len(row) >= columns.width and _is_number(row[place]) for row in (line.split(delimiter) for line in lines))


def _is_number(cell: str) -> bool:
    try:
        e164(cell)
    except ValueError:
        return False
    return True

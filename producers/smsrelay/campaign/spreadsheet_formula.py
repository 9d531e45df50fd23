"""Cells that a spreadsheet would run as a formula, made harmless in a file for people and given back when that file is read.

Takes a cell. Returns one that a spreadsheet shows as text: with an apostrophe before it. ``restored(neutralised(cell))`` is the
cell, whatever it holds: a cell that has such an apostrophe of its own gets another.
"""

import re

_MARK = "'"
# What spreadsheets begin a formula with, of full width too, behind blanks, apostrophes or what nobody sees.
_FORMULA = re.compile(r"'*[\t\r\n]|[\s'\u00ad\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠]")


def neutralised(cell: str) -> str:
    """The cell for a file that people open."""
    return _MARK + cell if _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """The cell as it was before ``neutralised``."""
    return cell[1:] if cell.startswith(_MARK) and _FORMULA.match(cell) else cell

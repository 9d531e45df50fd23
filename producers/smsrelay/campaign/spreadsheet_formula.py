"""Escapes cells that a spreadsheet would run as a formula, and undoes that when the file is read again.

An apostrophe in front makes a spreadsheet show the cell as text. ``restored(neutralised(cell)) == cell`` for every cell: one that
already begins with such an apostrophe gets another.
"""

import re

_MARK = "'"
# What begins a formula, in full width too, after blanks, apostrophes or invisible characters.
_FORMULA = re.compile(r"'*[\t\r\n]|[\s'\u00ad\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠]")


def neutralised(cell: str) -> str:
    """The cell, safe to open in a spreadsheet."""
    return _MARK + cell if _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """The cell before ``neutralised``."""
    return cell[1:] if cell.startswith(_MARK) and _FORMULA.match(cell) else cell

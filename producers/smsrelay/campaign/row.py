"""Row: one record of a campaign's file, unparsed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file. Its repr shows no cells: one is a phone number."""

    line: int  # line on which it begins, from 1
    cells: list[str]
    stray: tuple[int, ...] = ()  # indexes of unquoted cells with a quotation mark in them
    folded: bool = False  # whether a cell extends over several lines

    def __repr__(self) -> str:
        return f"Row(line={self.line})"

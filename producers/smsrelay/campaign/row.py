"""Row: one record of a campaign's file, as it stands there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file. Its repr shows no cell: one is a phone number."""

    line: int  # where it begins, from 1
    cells: list[str]
    stray: tuple[int, ...] = ()  # places of cells that hold a quotation mark without being quoted
    folded: bool = False  # whether a cell goes over several lines

    def __repr__(self) -> str:
        return f"Row(line={self.line})"

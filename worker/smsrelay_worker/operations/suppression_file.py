"""The file that ``smsrelay suppress export`` writes and ``import`` takes back: one line a number and list, as CSV.

It holds digests, from which nobody can recover a number. A reader needs the same number keys to make use of it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from smsrelay.campaign.csv_reader import CsvRows, csv_line
from smsrelay.campaign.row import Row
from smsrelay.contract.rejection import Problem
from smsrelay.contract.suppression import Suppression

HEADER = ("digest", "list", "since", "source", "key")
_BYTE_ORDER_MARK = "\ufeff"


def export_lines(suppressions: Iterable[Suppression]) -> Iterator[str]:
    """The lines of the file, each with its end."""
    yield csv_line(list(HEADER), ",")
    for one in suppressions:
        yield csv_line([one.digest, one.list, str(one.since), one.source, one.key_name], ",")


def is_export(path: Path) -> bool:
    """Whether a file begins as an export does; raises ``OSError``."""
    with path.open("rb") as file:
        first = file.readline(200).decode("utf-8", "replace")
    return tuple(first.lstrip(_BYTE_ORDER_MARK).strip().split(",")) == HEADER


def exported(path: Path) -> Iterator[tuple[Row, Suppression | Problem]]:
    """Every row of an export, and what is wrong with it if it cannot be read. Raises ``Rejection`` and ``OSError``."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        rows = iter(CsvRows(text, ","))
        next(rows, None)  # the header
        for row in rows:
            yield row, _suppression(row)


def _suppression(row: Row) -> Suppression | Problem:
    if len(row.cells) != len(HEADER):
        return Problem("row", f"has {len(row.cells)} cells; an export has {len(HEADER)}")
    try:
        return Suppression.checked(*(cell.strip() for cell in row.cells))
    except ValueError as error:
        return Problem("row", str(error))

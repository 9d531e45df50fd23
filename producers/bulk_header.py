"""The header of a campaign's file: which column is what.

Enters: the cells of the first line, as a spreadsheet wrote them. Leaves: ``Columns``. Fails with ``Rejection`` naming every
column that is unknown, missing or there twice; a name is quoted only when it cannot be a person's data, for the header may
be missing.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from producers.rejection import Problem, Rejection

LINE, REASON = "line", "refused because"  # columns of the file of refused rows; ignored when it comes back mended

_SPELLINGS = {
    "to": "to phone mobile 手机号 手机号码 手机 电话 号码",
    "template": "template 模板 模板id 模板编号",
    "lane": "lane 通道",
    "reference": "reference 流水号 参考号 业务编号",
    "params": "params 参数",
}
_NAMES = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_PARAMETER = re.compile(r"(?:p|param|参数)([1-9]|1[0-9]|20)")
_IGNORED = {LINE, REASON}
_PLAIN_WORD = re.compile(r"[^\W\d]{1,20}[\w ]{0,10}")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row each field stands."""

    places: Mapping[str, int]  # of to, template, lane, reference, params
    parameters: tuple[int, ...]  # of p1, p2, …

    @property
    def width(self) -> int:
        """Cells a row must have."""
        return 1 + max([*self.places.values(), *self.parameters])


def read_header(cells: Sequence[str], ignored: Collection[str] = ()) -> Columns:
    """The columns of a file; raises ``Rejection``."""
    names = [_name(cell) for cell in cells]
    left_out = _IGNORED | {_name(name) for name in ignored}
    places: dict[str, int] = {}
    problems: list[Problem] = []
    for place, name in enumerate(names):
        if not name or name in left_out:
            continue
        if name not in _SPELLINGS and not _PARAMETER.fullmatch(name):
            problems.append(_unknown(place, name))
        elif name in places:
            problems.append(Problem(f"column {place + 1}", f"there are two columns for {name}"))
        places.setdefault(name, place)
    numbered = sorted((int(found[1]), places.pop(name)) for name in list(places) if (found := _PARAMETER.fullmatch(name)))
    problems += _missing(places, [number for number, _ in numbered])
    if problems:
        raise Rejection(problems)
    return Columns(places, tuple(place for _, place in numbered))


def _name(cell: str) -> str:
    """Our name of a column, or what stands there when we have none."""
    written = cell.strip().lower()
    return _PARAMETER.sub(r"p\1", _NAMES.get(written, written))


def _unknown(place: int, name: str) -> Problem:
    quoted = f" {name!r}" if _PLAIN_WORD.fullmatch(name) and sum(map(str.isdigit, name)) < 4 else ""
    return Problem(
        f"column {place + 1}",
        f"the first line must be a header, and{quoted} is no column of ours; known are to, template, lane, reference and p1, p2,"
        " … or params; leave others out with --ignore NAME",
    )


def _missing(places: Mapping[str, int], numbers: Sequence[int]) -> list[Problem]:
    problems = []
    if "to" not in places:
        problems.append(Problem("header", "no column to (手机号)"))
    if numbers and "params" in places:
        problems.append(Problem("header", "has both params and p1, p2, …"))
    if list(numbers) != list(range(1, len(numbers) + 1)):
        problems.append(Problem("header", "p1, p2, … must count up from 1 without a gap"))
    return problems

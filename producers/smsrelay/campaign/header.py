"""Reads the header of a campaign's file: which column is which field.

Takes the cells of the first line and the command's options about columns; returns ``Columns``. Raises ``Rejection`` with every
column that is unknown, missing or duplicate. A column name is quoted only if it cannot be personal data: the header may be
missing, and then the first line is somebody's row.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from smsrelay.contract.character import escaped, without_format
from smsrelay.contract.rejection import Problem, Rejection

LINE, REASON = "line", "refused because"  # extra columns in a file of refused rows; ignored when it is corrected and read again

_SPELLINGS = {
    "to": "to phone mobile 手机号 手机号码 手机 电话 号码",
    "template": "template 模板 模板id 模板编号",
    "lane": "lane 通道",
    "reference": "reference 流水号 参考号 业务编号",
    "params": "params 参数",
}
_NAMES = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_PARAMETER = re.compile(r"(?:p|param|参数)([1-9]|1[0-9]|20)")
_PLAIN_WORD = re.compile(r"[^\W\d]{1,20}[\w ]{0,10}")
_MOST_SHOWN = 10
_PARAMETERS = tuple(f"p{number}" for number in range(1, 21))
FIELDS = (*_SPELLINGS, *_PARAMETERS)


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """The command's options about columns."""

    named: Mapping[str, str] = field(default_factory=dict)  # our name → the one in the header
    ignored: Collection[str] = ()  # an empty name means columns without a name
    others_ignored: bool = False


NO_CHOICE = ColumnChoice()


@dataclass(frozen=True, slots=True)
class Columns:
    """Which cell of a row is which field."""

    places: Mapping[str, int]  # of to, template, lane, reference, params
    parameters: tuple[int, ...]  # of p1, p2, …
    width: int  # cells a row must have: as many as the header, without unnamed columns at its end
    padded: int  # cells a row may have if those beyond the width are empty: all of the header
    unnamed: tuple[int, ...] = ()  # columns before the width that have no name and must be empty


def read_header(cells: Sequence[str], choice: ColumnChoice = NO_CHOICE) -> Columns:
    """The columns of a file; raises ``Rejection``."""
    names = [_plain(cell) for cell in cells]
    left_out = {LINE, REASON, *map(_plain, choice.ignored)}
    places, problems = _chosen(names, choice.named)
    chosen = set(places.values())
    unknown: list[Problem] = []
    for place, written in enumerate(names):
        name = _field(written)
        if not written or written in left_out or place in chosen:
            continue
        if name not in FIELDS or name in choice.named:
            unknown.append(_unknown(place, written))
        elif name in places:
            problems.append(Problem(f"column {place + 1}", f"is a second column for {name}"))
        else:
            places[name] = place
    if not choice.others_ignored:
        problems += _first(unknown)
    problems += _missing(places)
    if problems:
        raise Rejection(problems)
    width = max(place + 1 for place, name in enumerate(names) if name)
    unnamed = () if "" in left_out else tuple(place for place in range(width) if not names[place])
    parameters = tuple(places[name] for name in _PARAMETERS if name in places)
    return Columns({name: places[name] for name in _SPELLINGS if name in places}, parameters, width, len(names), unnamed)


def is_refused_rows_file(cells: Sequence[str]) -> bool:
    """Whether this is the header of a file of refused rows that ``bulk`` wrote."""
    return {LINE, REASON} <= {_plain(cell) for cell in cells}


def is_extra_column(cell: str) -> bool:
    """Whether this is the header of a column that is only in a file of refused rows."""
    return _plain(cell) in {LINE, REASON}


def _plain(cell: str) -> str:
    """A name in the form for comparison: lower case, without blanks around it and invisible characters."""
    return without_format(cell).strip().lower()


def _field(written: str) -> str:
    """Our name for a column, or the name as written if it is none of ours."""
    return _PARAMETER.sub(r"p\1", _NAMES.get(written, written))


def _chosen(names: Sequence[str], named: Mapping[str, str]) -> tuple[dict[str, int], list[Problem]]:
    """The columns that the command's options name, and problems with them."""
    places: dict[str, int] = {}
    problems = []
    for name, header in named.items():
        found = [place for place, written in enumerate(names) if written == _plain(header)]
        if len(found) == 1:
            places[name] = found[0]
        else:
            count = "no column" if not found else f"{len(found)} columns"
            problems.append(Problem(f"--column {name}", f"the file has {count} with the name “{escaped(header)}”"))
    return places, problems


def _unknown(place: int, name: str) -> Problem:
    plain = _PLAIN_WORD.fullmatch(name) and sum(map(str.isdigit, name)) < 4
    subject = repr(name) if plain else "this name"
    return Problem(
        f"column {place + 1}",
        f"the first line must be a header, and {subject} is not a known column; known are to, template, lane, reference and p1,"
        " p2, … or params; --column to=NAME says which column is which, --ignore NAME leaves one out, --ignore-others all others",
    )


def _first(unknown: Sequence[Problem]) -> list[Problem]:
    more = len(unknown) - _MOST_SHOWN
    return [*unknown[:_MOST_SHOWN], *([Problem("header", f"{more} more columns are unknown")] if more > 0 else [])]


def _missing(places: Mapping[str, int]) -> list[Problem]:
    problems = []
    numbers = [number for number, name in enumerate(_PARAMETERS, 1) if name in places]
    if "to" not in places:
        problems.append(Problem("header", "no column to (手机号)"))
    if numbers and "params" in places:
        problems.append(Problem("header", "has both params and p1, p2, …"))
    if numbers != list(range(1, len(numbers) + 1)):
        problems.append(Problem("header", "p1, p2, … must count up from 1 without a gap"))
    return problems

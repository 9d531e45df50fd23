"""Why something was refused at the door: every problem at once, none of them quoting a person's data.

Enters: what a validator found. Leaves: a ``Rejection`` listing field, reason and what is allowed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_FIELD_NAME = re.compile(r"[A-Za-z_]{1,32}")
_IN_WORDS_OF_JSON = {
    "tuple_type": "must be a list",
    "model_type": "must be an object with the fields of this value",
}
_LONGEST = 10_000  # no list of ours holds as many; beyond it an index is somebody's key


@dataclass(frozen=True, slots=True)
class Problem:
    """One refused field: its name, and a reason that also says what is allowed."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class Rejection(Exception):
    """Input that was refused whole; nothing of it was recorded.

    The text never holds the refused value: it may be a phone number or a code. It is no ``ValueError``, for those
    pydantic takes for its own when a validator raises them.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)  # what the exception is made anew from when it crosses a process

    def __str__(self) -> str:
        return "; ".join(str(problem) for problem in self.problems)

    @classmethod
    def of(cls, field: str, reason: str) -> Self:
        """A rejection for one field."""
        return cls([Problem(field, reason)])

    @classmethod
    def from_validation(cls, error: ValidationError) -> Self:
        """Every problem pydantic found, without the values it found them in."""
        return cls([_problem(found) for found in error.errors(include_input=False, include_url=False)])


def _problem(found: ErrorDetails) -> Problem:
    field = ".".join(_shown(part) for part in found["loc"] if part != "[key]") or "(whole)"
    if found["type"] == "extra_forbidden":
        return Problem(field, "is not a field of this value; docs/wire-contract.md lists them")
    return Problem(field, _IN_WORDS_OF_JSON.get(found["type"]) or found["msg"].removeprefix("Value error, "))


def _shown(part: str | int) -> str:
    """A part of a field's name; it may have come off the wire, and be a number somebody put in the wrong place."""
    named = part < _LONGEST if isinstance(part, int) else _FIELD_NAME.fullmatch(part)
    return str(part) if named else "(unnamed field)"

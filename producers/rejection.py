"""Why something was refused at the door: every problem at once, none of them quoting a person's data.

Enters: what a validator found. Leaves: a ``Rejection`` listing field, reason and what is allowed.
"""

import re
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError

_FIELD_NAME = re.compile(r"[A-Za-z_]{1,32}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One refused field: its name, and a reason that also says what is allowed."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class Rejection(ValueError):
    """Input that was refused whole; nothing of it was recorded.

    The text never holds the refused value: it may be a phone number or a code.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)

    @classmethod
    def of(cls, field: str, reason: str) -> Self:
        """A rejection for one field."""
        return cls([Problem(field, reason)])

    @classmethod
    def from_validation(cls, error: ValidationError) -> Self:
        """Every problem pydantic found, without the values it found them in."""
        return cls([_problem(found) for found in error.errors(include_input=False, include_url=False)])


def _problem(found: object) -> Problem:
    assert isinstance(found, dict)  # noqa: S101  pydantic's own error dict
    if found["type"] == "extra_forbidden":
        name = str(found["loc"][-1])
        # The name came off the wire and may itself be a number somebody put in the wrong place.
        shown = name if _FIELD_NAME.fullmatch(name) else "(unnamed field)"
        return Problem(shown, "is not a field of this value; docs/wire-contract.md lists them")
    field = ".".join(str(part) for part in found["loc"] if part != "[key]") or "(whole)"
    return Problem(field, str(found["msg"]).removeprefix("Value error, "))

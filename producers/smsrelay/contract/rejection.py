"""Rejection: why input was refused, as a list of every problem, each with its field, a reason, and what is allowed.

No text quotes the refused value: it may be a phone number or a code.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_FIELD_NAME = re.compile(r"[A-Za-z_]{1,32}")
_JSON_WORDING = {
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "int_type": "must be a whole number, without quotes or a fraction",
    "model_type": "must be an object with the fields of this value",
}
_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "too_long": "length",
    "too_short": "length",
    "string_too_long": "length",
    "string_too_short": "length",
    "greater_than": "range",
    "greater_than_equal": "range",
    "less_than": "range",
    "less_than_equal": "range",
    "enum": "choice",
    "literal_error": "choice",
    "string_pattern_mismatch": "format",
    "timezone_aware": "format",
}
_MAX_INDEX = 10_000  # no list here is longer; a larger number is a key out of somebody's input


@dataclass(frozen=True, slots=True)
class Problem:
    """One refused field: its name, why, including what is allowed, and a word for the kind of fault."""

    field: str
    reason: str
    code: str = "invalid"  # for programs; ``_CODES`` has the others

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class Rejection(Exception):
    """Invalid input. It was refused whole: none of it was recorded.

    Not a ``ValueError``, because pydantic would catch one that a validator raises and wrap it.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)  # args, so that the exception pickles

    def __str__(self) -> str:
        return "; ".join(str(problem) for problem in self.problems)

    @classmethod
    def of(cls, field: str, reason: str) -> Self:
        """A rejection for one field."""
        return cls([Problem(field, reason)])

    def of_all(self, problems: Iterable[Problem]) -> Self:
        """One of the same kind for the problems of several inputs."""
        return type(self)(problems)

    @classmethod
    def from_validation(cls, error: ValidationError) -> Self:
        """Every problem that pydantic found, without the values."""
        return cls([_problem(found) for found in error.errors(include_input=False, include_url=False)])


def _problem(found: ErrorDetails) -> Problem:
    field = ".".join(_shown(part) for part in found["loc"] if part != "[key]") or "(whole)"
    kind = found["type"]
    if kind == "extra_forbidden":
        return Problem(field, "is not a field of this value; docs/wire-contract.md lists them", "unknown_field")
    return Problem(field, _JSON_WORDING.get(kind) or found["msg"].removeprefix("Value error, "), _code(kind))


def _code(kind: str) -> str:
    """The word for a kind of pydantic's errors."""
    return _CODES.get(kind) or ("type" if kind.endswith(("_type", "_parsing", "_unicode")) else "invalid")


def _shown(part: str | int) -> str:
    """One part of a field's path, masked unless it is surely a name or an index: a key off the wire may be a phone number."""
    safe = part < _MAX_INDEX if isinstance(part, int) else _FIELD_NAME.fullmatch(part)
    return str(part) if safe else "(unnamed field)"

"""Finding: one thing that ``smsrelay doctor`` found wrong, and what all of them together come to.

Pure values. No text of a finding holds a secret, a number, or a value of the environment that may be one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from traceback import extract_tb


class Severity(StrEnum):
    """How bad: an error loses, doubles or stops messages as it stands; a warning may, or cannot be ruled out. A note is what no
    look from here can tell, however well everything is set."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and what to do about it."""

    severity: Severity
    check: str
    problem: str
    remedy: str


def error(check: str, problem: str, remedy: str) -> Finding:
    """A finding that must be mended."""
    return Finding(Severity.ERROR, check, problem, remedy)


def warning(check: str, problem: str, remedy: str) -> Finding:
    """A finding that a person should know of."""
    return Finding(Severity.WARNING, check, problem, remedy)


def note(check: str, problem: str, remedy: str) -> Finding:
    """What a person may want to look at by other means."""
    return Finding(Severity.NOTE, check, problem, remedy)


def checked(check: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """What a check finds; a check that fails is a finding, too, and keeps no other from being made."""
    try:
        return look()
    except Exception as failure:  # noqa: BLE001  whatever it is, the person asked what is wrong
        last = extract_tb(failure.__traceback__)[-1]
        problem = f"could not be checked: {type(failure).__name__} in {last.name}, line {last.lineno}"
        return [error(check, problem, "please report it; until it is mended nothing is known of this")]


_EXIT_CODES = {Severity.ERROR: 2, Severity.WARNING: 1, Severity.NOTE: 0}


def exit_code(findings: Iterable[Finding]) -> int:
    """0 without findings but notes, 1 with warnings, 2 with an error."""
    return max((_EXIT_CODES[one.severity] for one in findings), default=0)

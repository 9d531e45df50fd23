"""Finding: one problem that ``smsrelay doctor`` found, and the exit code of all of them.

Pure values. The text of a finding never contains a secret, a phone number, or a value of the environment that may be one.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from traceback import extract_tb


class Severity(StrEnum):
    """An error loses, duplicates or stops messages right now. A warning may, or could not be ruled out. A note is something that
    cannot be checked from here, however well it is set, or that every relay has after a while, such as dead letters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, and what to do about it."""

    severity: Severity
    check: str
    problem: str
    remedy: str


def error(check: str, problem: str, remedy: str) -> Finding:
    """A problem that must be fixed."""
    return Finding(Severity.ERROR, check, problem, remedy)


def warning(check: str, problem: str, remedy: str) -> Finding:
    """A problem that somebody should know about."""
    return Finding(Severity.WARNING, check, problem, remedy)


def note(check: str, problem: str, remedy: str) -> Finding:
    """Something to check by other means."""
    return Finding(Severity.NOTE, check, problem, remedy)


def checked(check: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings of a check. A check that raises becomes a finding itself, so that the other checks still run."""
    try:
        return look()
    except Exception as failure:  # noqa: BLE001  reported, whatever it is
        last = extract_tb(failure.__traceback__)[-1]
        problem = f"could not be checked: {type(failure).__name__} in {last.name}, line {last.lineno}"
        return [error(check, problem, "please report this bug; until it is fixed, this check says nothing")]


def side_by_side(*checks: tuple[str, Callable[[], list[Finding]]]) -> list[Finding]:
    """The findings of several checks, in their order. They run at the same time: each waits for a server that is silent."""
    with ThreadPoolExecutor(len(checks)) as threads:
        return [finding for found in threads.map(lambda check: checked(*check), checks) for finding in found]


_EXIT_CODES = {Severity.ERROR: 2, Severity.WARNING: 1, Severity.NOTE: 0}


def exit_code(findings: Iterable[Finding]) -> int:
    """2 with an error, 1 with a warning, else 0."""
    return max((_EXIT_CODES[one.severity] for one in findings), default=0)

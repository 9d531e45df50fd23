"""Finding: one problem that ``smsrelay doctor`` found, and the exit code of all of them.

Pure values. The text of a finding never contains a secret, a phone number, or a value of the environment that may be one.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from traceback import extract_tb

from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.doctor.words.catalogue import ENGLISH, Words, words_in


class Severity(StrEnum):
    """An error loses, duplicates or stops messages right now. A warning may, or could not be ruled out. A note is something that
    cannot be checked from here, however well it is set, or that every relay has after a while, such as dead letters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, and what to do about it. ``check``: what found it; ``values``: what fills the places of its words."""

    severity: Severity
    check: str
    kind: Kind
    values: Mapping[str, object] = field(default_factory=dict, hash=False)

    def said_in(self, language: str) -> Words:
        """What is wrong and what to do about it."""
        return words_in(language)[self.kind].filled(self.values)

    @property
    def problem(self) -> str:
        """What is wrong, in English."""
        return self.said_in(ENGLISH).problem

    @property
    def remedy(self) -> str:
        """What to do about it, in English."""
        return self.said_in(ENGLISH).remedy

    def encode(self) -> dict[str, str]:
        """As a JSON object."""
        names = {"severity": self.severity.value, "check": self.check, "kind": self.kind.value}
        return names | {"problem": self.problem, "remedy": self.remedy}


def error(check: str, kind: Kind, **values: object) -> Finding:
    """A problem that must be fixed."""
    return Finding(Severity.ERROR, check, kind, values)


def warning(check: str, kind: Kind, **values: object) -> Finding:
    """A problem that somebody should know about."""
    return Finding(Severity.WARNING, check, kind, values)


def note(check: str, kind: Kind, **values: object) -> Finding:
    """Something to check by other means."""
    return Finding(Severity.NOTE, check, kind, values)


def checked(check: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings of a check. A check that raises becomes a finding itself, so that the other checks still run."""
    try:
        return look()
    except Exception as failure:  # noqa: BLE001  reported, whatever it is
        last = extract_tb(failure.__traceback__)[-1]
        return [error(check, Kind.CHECK_FAILED, what=f"{type(failure).__name__} in {last.name}, line {last.lineno}")]


def side_by_side(*checks: tuple[str, Callable[[], list[Finding]]]) -> list[Finding]:
    """The findings of several checks, in their order. They run at the same time: each waits for a server that is silent."""
    with ThreadPoolExecutor(len(checks)) as threads:
        return [finding for found in threads.map(lambda check: checked(*check), checks) for finding in found]


_EXIT_CODES = {Severity.ERROR: 2, Severity.WARNING: 1, Severity.NOTE: 0}


def exit_code(findings: Iterable[Finding]) -> int:
    """2 with an error, 1 with a warning, else 0."""
    return max((_EXIT_CODES[one.severity] for one in findings), default=0)

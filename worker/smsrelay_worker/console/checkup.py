"""Checkup: runs the doctor's checks in a thread of its own, because they take seconds, and keeps what they found last."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smsrelay_worker.operations.doctor.finding import Finding, Severity

OVERDUE = 60.0  # seconds after which whoever looks starts the checks again
_ORDER = list(Severity)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found, the worst first, and how many seconds ago (None: never yet). ``under_way``: it is being looked at again."""

    findings: Sequence[Finding]
    age: float | None
    under_way: bool

    def count(self, severity: str) -> int:
        """How many are that severe."""
        return sum(one.severity == severity for one in self.findings)


class Checkup:
    """``examine`` takes seconds and raises nothing; ``clock`` gives monotonic seconds. Safe to share between threads."""

    def __init__(self, examine: Callable[[], Sequence[Finding]], clock: Callable[[], float]) -> None:
        self._examine = examine
        self._clock = clock
        self._lock = threading.Lock()
        self._findings: Sequence[Finding] = ()
        self._ended: float | None = None
        self._under_way = False

    def latest(self) -> Examined:
        """What was found last; starts the checks again if that is long ago."""
        with self._lock:
            age = None if self._ended is None else self._clock() - self._ended
        if age is None or age > OVERDUE:
            self.start()
        with self._lock:
            return Examined(self._findings, age, self._under_way)

    def start(self) -> None:
        """Start the checks, unless they are under way."""
        with self._lock:
            if self._under_way:
                return
            self._under_way = True
        threading.Thread(target=self._run, name="checkup", daemon=True).start()

    def _run(self) -> None:
        try:
            found = sorted(self._examine(), key=lambda one: _ORDER.index(one.severity))
            with self._lock:
                self._findings, self._ended = found, self._clock()
        finally:
            with self._lock:
                self._under_way = False

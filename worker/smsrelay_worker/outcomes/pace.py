"""Pace: how many deliveries to one sink may begin now, by how its last ones ended. Pure.

A sink that fails several times in a row gets one delivery at a time, with growing pauses, until one is taken. So an endpoint that
hangs holds one connection, and a large backlog for a dead one costs a request a minute. Several means at least as many as may be
under way at once: a dead endpoint gets those anyway, and one that fails three calls in ten would otherwise spend its time in
pauses. A pause grows with what fails after it: calls that were under way when it began say no more than those that began it,
however many fail at once when an endpoint restarts.
"""

from dataclasses import dataclass, replace
from typing import Self

from smsrelay_worker.outcomes.answer import Answer, Verdict

TOLERATED = 3  # failures in a row that change nothing, at least
_LONGEST = 60.0  # seconds
_DOUBLINGS = 6  # of a pause of 1 s, after which it is longer than the longest
_ASKED_AT_MOST = 3600.0  # seconds; a longer Retry-After is kept by the outcome that got it


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of one sink. Instants are seconds of a monotonic clock."""

    full: int
    tolerated: int = TOLERATED  # failures in a row from which on it gets one delivery at a time
    failures: int = 0  # in a row
    closed_until: float = 0.0
    asked_until: float = 0.0  # the pause that the endpoint asks for: what it still takes meanwhile does not end it

    @property
    def failing(self) -> bool:
        """Whether the sink gets one delivery at a time."""
        return self.failures >= self.tolerated

    def room(self, now: float) -> int:
        """How many deliveries may be under way."""
        if now < max(self.closed_until, self.asked_until):
            return 0
        return 1 if self.failing else self.full

    def after(self, answer: Answer, now: float) -> Self:
        """The pace after one more delivery."""
        if answer.taken:
            return replace(self, failures=0, closed_until=0.0)
        was_under_way = self.failing and now < self.closed_until
        failures = self.failures if was_under_way else self.failures + 1
        grows = failures >= self.tolerated and not was_under_way
        pause = min(_LONGEST, 2.0 ** min(failures - self.tolerated, _DOUBLINGS)) if grows else 0.0
        if answer.verdict is Verdict.GONE:
            pause = _LONGEST  # by then, the store says that it is disabled
        asked = min(answer.wait or 1.0, _ASKED_AT_MOST) if answer.verdict is Verdict.SLOW_DOWN else 0.0
        return replace(
            self,
            failures=failures,
            closed_until=max(self.closed_until, now + pause),
            asked_until=max(self.asked_until, now + asked),
        )

    def reopened(self) -> Self:
        """The pace after an operator asked for another try."""
        return replace(self, failures=0, closed_until=0.0, asked_until=0.0)

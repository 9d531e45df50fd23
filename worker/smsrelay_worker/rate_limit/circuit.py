"""OutcomeCounts: what came of this process's submits, and when the store has to hear of it. Pure; the caller locks.

Enters: counts. Leaves: nothing while nothing fails; after a failure, at most every fifth of a second, the counts of the last ten
seconds that were not told yet.
"""

from collections import deque

_SPAN = 10.0  # seconds
_BETWEEN = 0.2  # seconds
_MANY = 20  # failures are told at once


class OutcomeCounts:
    """Counts not told yet."""

    def __init__(self) -> None:
        self._answered: deque[list[float]] = deque()  # [second, count]
        self._failed = 0
        self._told_at = float("-inf")

    def add(self, answered: int, failed: int, now: float) -> tuple[int, int] | None:
        """Answered and failed to tell the store at ``now`` (monotonic seconds), if it is time to."""
        if answered:
            self._count(answered, now)
        self._failed += failed
        if self._failed == 0 or (now - self._told_at < _BETWEEN and self._failed < _MANY):
            return None
        told = int(sum(count for second, count in self._answered if now - second < _SPAN)), self._failed
        self._answered.clear()
        self._failed, self._told_at = 0, now
        return told

    def _count(self, answered: int, now: float) -> None:
        second = float(int(now))
        if self._answered and self._answered[-1][0] == second:
            self._answered[-1][1] += answered
        else:
            self._answered.append([second, answered])
        while now - self._answered[0][0] >= _SPAN + 1:
            self._answered.popleft()

"""OutcomeCounts: how many submits of this process were answered and how many failed, and when to report to the store. Pure.

While nothing fails, nothing is reported. After a failure there is a report every fifth of a second at most: the counts of the
circuit's window that were not reported yet. The caller locks.
"""

from collections import deque

_INTERVAL = 0.2  # seconds between two reports to the store, unless failures alone would open the circuit


class OutcomeCounts:
    """Counts that were not reported yet. ``window`` in seconds; ``enough`` failures are reported at once."""

    def __init__(self, window: float, enough: int) -> None:
        self._window = window
        self._enough = enough
        self._answered: deque[list[float]] = deque()  # [second, count]
        self._failed = 0
        self._reported_at = float("-inf")

    def add(self, answered: int, failed: int, now: float) -> tuple[int, int] | None:
        """Count, and return (answered, failed) if a report is due at ``now`` (monotonic seconds)."""
        if answered:
            self._count(answered, now)
        self._failed += failed
        if self._failed == 0 or (now - self._reported_at < _INTERVAL and self._failed < self._enough):
            return None
        counts = int(sum(count for second, count in self._answered if now - second < self._window)), self._failed
        self._answered.clear()
        self._failed, self._reported_at = 0, now
        return counts

    def _count(self, answered: int, now: float) -> None:
        second = float(int(now))
        if self._answered and self._answered[-1][0] == second:
            self._answered[-1][1] += answered
        else:
            self._answered.append([second, answered])
        while now - self._answered[0][0] >= self._window + 1:
            self._answered.popleft()

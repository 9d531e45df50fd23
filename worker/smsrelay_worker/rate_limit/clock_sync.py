"""ClockSync: converts instants of the store's clock to the monotonic clock of this process. Pure.

A converted instant is never early. It is late by at most the network delay of the fastest reply of the last few seconds. If the
store's clock is set to another time, the next observation follows it at once.
"""

_WINDOW = 5.0  # seconds; the best offset of the current and of the previous window is used


class ClockSync:
    """Maps µs of the store's clock to monotonic seconds."""

    def __init__(self) -> None:
        self._window_began = 0.0
        self._previous: float | None = None
        self._current: float | None = None

    def observe(self, asked: float, answered: float, micros: float) -> None:
        """The store's clock read ``micros`` at some instant between ``asked`` and ``answered`` (monotonic seconds)."""
        least, most = asked - micros / 1e6, answered - micros / 1e6
        known = self._best()
        if known is None or known < least:  # the first observation, or the store's clock was set back
            self._previous, self._current, self._window_began = None, most, answered
        elif answered - self._window_began > _WINDOW:
            self._previous, self._current, self._window_began = self._current, most, answered
        else:
            self._current = min(known, most) if self._current is None else min(self._current, most)

    def at(self, micros: float) -> float:
        """Monotonic seconds of an instant; raises ``LookupError`` before the first observation."""
        offset = self._best()
        if offset is None:
            raise LookupError("the store's clock was not observed yet")
        return micros / 1e6 + offset

    def _best(self) -> float | None:
        known = [offset for offset in (self._previous, self._current) if offset is not None]
        return min(known, default=None)

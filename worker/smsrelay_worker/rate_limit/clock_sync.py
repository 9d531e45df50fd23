"""StoreClock: where an instant of the store's clock lies on the monotonic clock of this process. Pure.

Enters: the store's time, and when it was asked and answered. Leaves: instants that are never early, and late by no more than
the quickest answer of the last seconds took on its way. A store whose clock was set is believed at once.
"""

_KEPT = 5.0  # seconds; the best of the last one or two such spans counts


class StoreClock:
    """Maps µs of the store's clock to monotonic seconds."""

    def __init__(self) -> None:
        self._since = 0.0
        self._before: float | None = None
        self._offset: float | None = None

    def observe(self, asked: float, answered: float, micros: float) -> None:
        """The store said ``micros`` between ``asked`` and ``answered`` (monotonic seconds)."""
        least, most = asked - micros / 1e6, answered - micros / 1e6
        known = self._best()
        if known is None or known < least:  # the first, or the store's clock was set back
            self._before, self._offset, self._since = None, most, answered
        elif answered - self._since > _KEPT:
            self._before, self._offset, self._since = self._offset, most, answered
        else:
            self._offset = min(known, most) if self._offset is None else min(self._offset, most)

    def at(self, micros: float) -> float:
        """Monotonic seconds of an instant; raises ``LookupError`` before the first observation."""
        offset = self._best()
        if offset is None:
            raise LookupError("the store's clock was not observed yet")
        return micros / 1e6 + offset

    def _best(self) -> float | None:
        known = [offset for offset in (self._before, self._offset) if offset is not None]
        return min(known, default=None)

"""Throttle: at most so many events a second, for one process."""

from collections.abc import Callable


class Throttle:
    """Counts events in each second of ``clock``; what one second leaves unused is not carried over."""

    def __init__(self, per_second: int, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._clock = clock
        self._second = float("-inf")
        self._used = 0

    def allow(self) -> bool:
        """Count one event; False when this second's limit is exceeded."""
        second = self._clock() // 1.0
        if second != self._second:
            self._second, self._used = second, 0
        self._used += 1
        return self._used <= self._per_second

"""Throttle: so many a second and no more, for one process; what is not used is not saved for later. The clock is given."""

from collections.abc import Callable


class Throttle:
    """How many of something may still happen in the second that runs."""

    def __init__(self, a_second: int, clock: Callable[[], float]) -> None:
        self._a_second = a_second
        self._clock = clock
        self._second = float("-inf")
        self._used = 0

    def take(self) -> bool:
        """Use one up; False when there is none left."""
        second = self._clock() // 1.0
        if second != self._second:
            self._second, self._used = second, 0
        self._used += 1
        return self._used <= self._a_second

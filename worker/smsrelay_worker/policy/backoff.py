"""Backoff: how long to wait before a message is tried again.

Takes the number of the retry and a random roll, returns seconds. Pure: it has neither a clock nor randomness of its own.
Raises ``ValueError`` for a retry below 1, which is a programming error.
"""

from dataclasses import dataclass

_LARGEST_POWER = 2**53  # floats count exactly up to here, and any factor above 1 has reached the cap long before


@dataclass(frozen=True, slots=True)
class Backoff:
    """Growing delays, in seconds: ``base``, then ``factor`` times the previous one, up to ``cap``.

    ``jitter`` is the share of the delay (0 to 1) by which it is spread at random in both directions, so that messages that failed
    together are not retried together. It is applied after the cap: the longest delay is ``cap * (1 + jitter)``.
    """

    name: str
    base: float
    factor: float
    cap: float
    jitter: float

    def delay(self, retry: int, roll: float) -> float:
        """Seconds to wait before retry number ``retry`` (1 is the first); ``roll`` is random, from 0 to below 1."""
        if retry < 1:
            raise ValueError("retry counts from 1")
        return max(0.0, self._planned(retry) * (1 + self.jitter * (2 * roll - 1)))

    def _planned(self, retry: int) -> float:
        try:
            return min(self.cap, self.base * float(self.factor) ** min(retry - 1, _LARGEST_POWER))
        except OverflowError:  # the power is beyond the range of floats, so beyond any cap
            return self.cap if self.base > 0 else 0.0

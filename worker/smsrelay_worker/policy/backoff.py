"""Backoff: how long to wait before a message is tried again.

Enters: the number of the retry and a random roll. Leaves: seconds. Pure: neither clock nor randomness of its own.
Fails with ``ValueError`` for a retry below 1, which only a programming error asks for.
"""

from dataclasses import dataclass

_LARGEST_POWER = 2**53  # the largest a float counts exactly; no factor above 1 stays below a cap that long


@dataclass(frozen=True, slots=True)
class Backoff:
    """Growing delays, in seconds: ``base``, then ``factor`` times the one before, up to ``cap``.

    ``jitter`` is the share of the delay (0 to 1) by which a roll spreads it both ways, so that messages which failed
    together do not come back together. It is applied after the cap: the longest delay is ``cap * (1 + jitter)``.
    """

    name: str
    base: float
    factor: float
    cap: float
    jitter: float

    def delay(self, retry: int, roll: float) -> float:
        """Seconds to wait before retry number ``retry`` (1 is the first); ``roll`` is random, 0 up to but not 1."""
        if retry < 1:
            raise ValueError("retry counts from 1")
        return max(0.0, self._planned(retry) * (1 + self.jitter * (2 * roll - 1)))

    def _planned(self, retry: int) -> float:
        try:
            return min(self.cap, self.base * float(self.factor) ** min(retry - 1, _LARGEST_POWER))
        except OverflowError:  # the power left the range of floats: it is past any cap
            return self.cap if self.base > 0 else 0.0

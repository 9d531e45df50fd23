"""StoreClock: the store's clock, without a round trip for each job.

Asks the store at most once a second and advances the answer by this process's monotonic clock in between.

An error costs little: deadlines are computed from it, and the outbox and the workers compare them with the store's own clock. A
process that was suspended in between computes from too early an instant, so its messages expire sooner, never later.
"""

import time
from collections.abc import Callable

from smsrelay.store.connection import StoreRedis, store_answers

_VALID_FOR = 1.0  # seconds


class KnownTime:
    """The store's time as it was last read. Safe to share between threads: it is replaced as a whole."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._read: tuple[float, int] | None = None  # when it was read (monotonic seconds), and the store's time then (ms)

    def now(self, at_most: float = _VALID_FOR) -> int | None:
        """The store's time in ms since the Unix epoch; ``None`` if it was read longer than ``at_most`` seconds ago."""
        if self._read is not None and (since := self._monotonic() - self._read[0]) < at_most:
            return self._read[1] + int(since * 1000)
        return None

    def set(self, seconds: int | str, micros: int | str) -> int:
        """Take what the command ``TIME`` has just answered; returns it in ms."""
        now = int(seconds) * 1000 + int(micros) // 1000
        self._read = (self._monotonic(), now)
        return now


class StoreClock:
    """Safe to share between threads."""

    def __init__(self, redis: StoreRedis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._known = KnownTime(monotonic)

    def now(self) -> int:
        """The store's time in ms since the Unix epoch; raises ``StoreUnavailable``."""
        now = self._known.now()
        if now is not None:
            return now
        with store_answers():
            seconds, micros = self._redis.time()
        return self._known.set(seconds, micros)

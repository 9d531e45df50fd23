"""StoreClock: the store's clock, without a round trip for each job.

Asks the store at most once a second and advances the answer by this process's monotonic clock in between.

An error costs little: deadlines are computed from it, and the outbox and the workers compare them with the store's own clock. A
process that was suspended in between computes from too early an instant, so its messages expire sooner, never later.
"""

import time
from collections.abc import Callable

from redis import Redis

from smsrelay.store.connection import store_answers

_VALID_FOR = 1.0  # seconds


class StoreClock:
    """Safe to share between threads: the cached answer is replaced as a whole."""

    def __init__(self, redis: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._cached: tuple[float, int] | None = None  # when we asked (monotonic seconds), and the store's time then (ms)

    def now(self) -> int:
        """The store's time in ms since the Unix epoch; raises ``StoreUnavailable``."""
        cached = self._cached
        if cached is not None and (since := self._monotonic() - cached[0]) < _VALID_FOR:
            return cached[1] + int(since * 1000)
        with store_answers():
            seconds, micros = self._redis.time()
        now = int(seconds) * 1000 + int(micros) // 1000
        self._cached = (self._monotonic(), now)
        return now

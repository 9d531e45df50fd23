"""The store's clock, as near as it is needed without asking for every job.

Enters: a Redis client. Leaves: ms since the Unix epoch. Asked once a second at most, and carried on in between by this
process's monotonic clock. Fails with ``StoreUnavailable`` when it has to ask and the store does not answer.

Being wrong costs little: deadlines are counted from it, and the outbox and the workers compare them with the store's own clock. A
process that was held for a while counts from too early an instant, so that its messages expire sooner and never later.
"""

import time
from collections.abc import Callable

from redis import Redis

from smsrelay.store.connection import store_answers

_TRUSTED = 1.0  # seconds


class StoreClock:
    """Safe to share between threads: what is remembered is replaced whole."""

    def __init__(self, redis: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._asked: tuple[float, int] | None = None  # when, and what the store said (ms)

    def now(self) -> int:
        """The store's time in ms; raises ``StoreUnavailable``."""
        asked = self._asked
        if asked is not None and (since := self._monotonic() - asked[0]) < _TRUSTED:
            return asked[1] + int(since * 1000)
        with store_answers():
            seconds, micros = self._redis.time()
        said = int(seconds) * 1000 + int(micros) // 1000
        self._asked = (self._monotonic(), said)
        return said

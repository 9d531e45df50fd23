"""PollRate: the separate, small rate at which the vendor is asked about submits without a report, for all workers together.

Unlike the send rate, it hands out slots however far ahead they are. If the store goes away, a slot may be lost.
"""

from smsrelay.store.connection import StoreRedis
from smsrelay.store.script import Script


class PollRate:
    """``rate`` in questions a second."""

    def __init__(self, redis: StoreRedis, rate: float, key: str | None = None) -> None:
        self._keys = [key or redis.store_keys.pull_rate, redis.store_keys.halted, redis.store_keys.circuit]
        self._interval = round(1_000_000 / rate)
        self._reserve = Script(redis, __name__, "poll_rate.lua")

    def reserve(self) -> float | None:
        """Reserve the next slot; seconds until it, or None during a halt or an open circuit. Raises ``StoreUnavailable``."""
        micros = self._reserve.run(self._keys, [self._interval])
        return None if micros < 0 else float(micros) / 1_000_000

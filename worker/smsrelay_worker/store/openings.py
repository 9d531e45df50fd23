"""Openings: how many messages wait for each opening of a send window, so that they become due one after the other.

Raises ``StoreUnavailable``. A place that is taken and not used makes the next messages due a little later.
"""

from smsrelay.store.connection import StoreRedis, store_answers

_KEPT = 3_600_000  # ms after the opening


class Openings:
    """Safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def take(self, opening: int, count: int) -> int:
        """Take places among those that wait for an opening (ms); returns the first, from 0."""
        with store_answers(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.incrby(self._keys.opening(opening), count)
            pipeline.pexpireat(self._keys.opening(opening), opening + _KEPT)
            taken, _ = pipeline.execute()
        return int(taken) - count

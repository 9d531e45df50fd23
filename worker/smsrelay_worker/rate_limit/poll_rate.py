"""PollRate: a small rate of its own, whose slots are handed out however far away they are; for questions about silent submits.

Enters: a wish. Leaves: in how many seconds it may come true. Fails with ``StoreUnavailable``; a slot may then be lost.
"""

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.script import Script


class PollRate:
    """A rate in questions a second, for all workers together."""

    def __init__(self, redis: Redis, rate: float, key: str = keys.PULL_RATE) -> None:
        self._keys = [key, keys.HALTED, keys.CIRCUIT]
        self._interval = round(1_000_000 / rate)
        self._next = Script(redis, __name__, "poll_rate.lua")

    def reserve(self) -> float | None:
        """Take the next slot, and say in how many seconds that is; None while nobody may submit."""
        micros = self._next.run(self._keys, [self._interval])
        return None if micros < 0 else float(micros) / 1_000_000

"""HaltedMessages: the messages that a halt deferred, and how they become due again when it is over.

Once woken they are due at once, and any worker's scheduler takes them up within a second. The cost grows with how many there are.
Raises ``StoreUnavailable``: the ones not woken by then are due when their own delay ends, at most half a minute later, and waking
them again is harmless.
"""

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.connection import store_answers
from smsrelay.store.script import Script

_CHUNK = 500  # ids a step; between two steps the store serves others


class HaltedMessages:
    """Safe to share between threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._wake = Script(redis, __name__, "wake_halted.lua")

    def count(self) -> int:
        """How many messages a halt deferred; raises ``StoreUnavailable``."""
        with store_answers():
            return int(self._redis.scard(keys.PUT_OFF))

    def wake_all(self) -> int:
        """Make every deferred message due now; returns how many there were. Raises ``StoreUnavailable``."""
        total, done = self.count(), 0
        while done < total:  # no more than there were: during a new halt they are deferred again as fast as they are woken
            step = int(self._wake.run([keys.PUT_OFF, keys.AGENDA], [min(_CHUNK, total - done)]))
            if step == 0:
                break
            done += step
        return done

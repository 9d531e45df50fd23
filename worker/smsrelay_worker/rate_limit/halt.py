"""HaltedMessages: the messages that wait because of a halt, and their wake-up when it is over.

Enters: word that the halt is over, from a person or from whoever found out. Leaves: the messages due at once; the agenda of any
worker takes them up within a second. The cost follows how many were put off. Fails with ``StoreUnavailable``: those not woken yet
are due at the time they had, half a minute later at most, and waking them again is harmless.
"""

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.connection import store_answers
from smsrelay.store.script import Script

_CHUNK = 500  # ids a step; the store answers others in between


class HaltedMessages:
    """What a halt put off; safe to share between threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._wake = Script(redis, __name__, "wake.lua")

    def count(self) -> int:
        """How many messages a halt put off; raises ``StoreUnavailable``."""
        with store_answers():
            return int(self._redis.scard(keys.PUT_OFF))

    def wake_put_off(self) -> int:
        """Make everything due that a halt put off, and say how much that was; raises ``StoreUnavailable``."""
        owed, looked_at = self.count(), 0
        while looked_at < owed:  # and no further: after a new halt they come back as fast as they are woken
            step = int(self._wake.run([keys.PUT_OFF, keys.AGENDA], [min(_CHUNK, owed - looked_at)]))
            if step == 0:
                break
            looked_at += step
        return looked_at

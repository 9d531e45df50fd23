"""HeldMessages: the messages that a halt has deferred, and how they become due again when it is over.

They become due one after the other, at the rate, each lane by itself: the scheduler takes the longest overdue first, so a retry
of a code does not stand behind a million messages that all became due at once. The work is done in steps; between two of them
the store serves others, and any process may do the next one.
Raises ``StoreUnavailable``: the next step goes on where this one ended.
"""

from typing import Any

from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay.store.script import Script

EVERYTHING = "*"  # all traffic, which a halt for the vendor's sake stops
CHUNK = 500  # messages a step, which blocks the store for about 3 ms


class HeldMessages:
    """Safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._release = Script(redis, __name__, "release.lua")

    def count(self, part: str = EVERYTHING) -> int:
        """How many messages wait for the end of a halt."""
        with store_answers():
            return int(self._redis.scard(self._set(part)))

    def begin(self, part: str = EVERYTHING) -> None:
        """Let ``step`` release messages, the next one now."""
        with store_answers():
            self._redis.hset(self._keys.unfinished, part, '{"does":"release"}')

    def step(self, part: str, rate: float, at_most: int = CHUNK) -> int:
        """Release some messages, ``rate`` a second; returns how many were left to release, 0 if there was none."""
        touched = [self._keys.unfinished, self._set(part), self._keys.agenda]
        while True:
            with store_answers():
                found: Any = self._redis.srandmember(self._set(part), at_most)
            ids = [str(one) for one in found]
            args = [part, repr(1000 / rate), *ids]
            taken = int(self._release.run([*touched, *map(self._keys.message, ids)], args))
            if taken != 0 or not ids:  # else another process has taken them all
                return max(0, taken)

    def release_all(self, part: str, rate: float) -> int:
        """Release every message; returns how many there were."""
        total, done = self.count(part), 0
        while done < total:  # no more than there were: in a new halt they are deferred again as fast as they are released
            taken = self.step(part, rate, min(CHUNK, total - done))
            if taken == 0:
                break
            done += taken
        return done

    def _set(self, part: str) -> str:
        return self._keys.put_off if part == EVERYTHING else self._keys.held(part)

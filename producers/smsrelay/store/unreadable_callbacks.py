"""UnreadableCallbacks: callbacks that could not be parsed, stored until an operator has dealt with them.

At most ``CAP`` are stored, the newest, each for ``KEPT_FOR``; with payload keys they are encrypted. Storing one twice, after a
lost answer, leaves one entry. Raises ``StoreUnavailable``.
"""

import json
from collections.abc import Sequence
from typing import Any

from redis import Redis

from smsrelay.contract.payload_cipher import PLAIN, PayloadCipher
from smsrelay.contract.unreadable_callback import UnreadableCallback
from smsrelay.store import keys
from smsrelay.store.connection import store_answers

CAP = 10_000
KEPT_FOR = 72 * 3_600_000  # ms; by then a message without a report has reached its final state


class UnreadableCallbacks:
    """Every stored callback; safe to share between threads."""

    def __init__(self, redis: Redis, cipher: PayloadCipher = PLAIN) -> None:
        self._redis = redis
        self._cipher = cipher

    def keep(self, callbacks: Sequence[UnreadableCallback]) -> None:
        """Store callbacks, in one round trip."""
        if not callbacks:
            return
        newest = max(one.received_at for one in callbacks)
        with store_answers(), self._redis.pipeline() as pipeline:
            pipeline.zadd(keys.UNREADABLE_CALLBACKS, {_member(one.sealed_by(self._cipher)): one.received_at for one in callbacks})
            pipeline.zremrangebyscore(keys.UNREADABLE_CALLBACKS, "-inf", newest - KEPT_FOR)
            pipeline.zremrangebyrank(keys.UNREADABLE_CALLBACKS, 0, -CAP - 1)
            pipeline.pexpire(keys.UNREADABLE_CALLBACKS, KEPT_FOR)
            pipeline.execute()

    def all(self) -> list[UnreadableCallback]:
        """Every stored callback as it is stored, newest first."""
        with store_answers():
            found: Any = self._redis.zrange(keys.UNREADABLE_CALLBACKS, 0, -1, desc=True, withscores=True)
        return [UnreadableCallback.decode(json.loads(member) | {"received_at": int(at)}) for member, at in found]

    def drop(self, callback: UnreadableCallback) -> None:
        """Delete one that was dealt with."""
        with store_answers():
            self._redis.zrem(keys.UNREADABLE_CALLBACKS, _member(callback))


def _member(callback: UnreadableCallback) -> str:
    """The callback as a member of the sorted set; ``received_at`` is its score."""
    wire = callback.encode()
    del wire["received_at"]
    return json.dumps(wire)

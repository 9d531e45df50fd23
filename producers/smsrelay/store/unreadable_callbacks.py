"""Kept callbacks: what nobody could read of the vendor's callbacks, in the store, until a person has dealt with it.

Kept again, because an answer of the store was lost, a callback stays one entry. The last ``CAP`` are kept, each for ``KEPT_FOR``.
Fails with ``StoreUnavailable``; keeping again is harmless.
"""

import json
from collections.abc import Sequence
from typing import Any

from redis import Redis

from smsrelay.contract.unreadable_callback import UnreadableCallback
from smsrelay.store import keys
from smsrelay.store.connection import store_answers

CAP = 10_000
KEPT_FOR = 72 * 3_600_000  # ms; a message has ended for want of a report by then


class UnreadableCallbacks:
    """Every callback that is kept; safe to share between threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def keep(self, callbacks: Sequence[UnreadableCallback]) -> None:
        """Keep callbacks, in one round trip."""
        if not callbacks:
            return
        newest = max(one.received_at for one in callbacks)
        with store_answers(), self._redis.pipeline() as pipeline:
            pipeline.zadd(keys.UNREAD_CALLBACKS, {_member(one): one.received_at for one in callbacks})
            pipeline.zremrangebyscore(keys.UNREAD_CALLBACKS, "-inf", newest - KEPT_FOR)
            pipeline.zremrangebyrank(keys.UNREAD_CALLBACKS, 0, -CAP - 1)
            pipeline.pexpire(keys.UNREAD_CALLBACKS, KEPT_FOR)
            pipeline.execute()

    def all(self) -> list[UnreadableCallback]:
        """Every kept callback, newest first."""
        with store_answers():
            found: Any = self._redis.zrange(keys.UNREAD_CALLBACKS, 0, -1, desc=True, withscores=True)
        return [UnreadableCallback.decode(json.loads(member) | {"received_at": int(at)}) for member, at in found]

    def drop(self, callback: UnreadableCallback) -> None:
        """Let go of one that was dealt with."""
        with store_answers():
            self._redis.zrem(keys.UNREAD_CALLBACKS, _member(callback))


def _member(callback: UnreadableCallback) -> str:
    """Without the instant, which is the score."""
    wire = callback.encode()
    del wire["received_at"]
    return json.dumps(wire)

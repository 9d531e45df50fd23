"""UnreadableCallbacks: callbacks that could not be parsed, stored until an operator has dealt with them.

At most ``CAP`` are stored, the newest, each for ``KEPT_FOR``; with payload keys they are encrypted. Storing one twice, after a
lost answer, leaves one entry. Raises ``StoreUnavailable``.
"""

import json
from collections.abc import Sequence
from typing import Any

from smsrelay.contract.payload_cipher import PLAIN, PayloadCipher
from smsrelay.contract.unreadable_callback import UnreadableCallback
from smsrelay.store.connection import StoreRedis, run_durably, store_answers
from smsrelay.store.script import Call, Script

CAP = 10_000
_PER_CALL = 500  # callbacks per run of the script
KEPT_FOR = 72 * 3_600_000  # ms; by then a message without a report has reached its final state


class UnreadableCallbacks:
    """Every stored callback; safe to share between threads."""

    def __init__(self, redis: StoreRedis, cipher: PayloadCipher = PLAIN) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._cipher = cipher
        self._keep = Script(redis, __name__, "unreadable_callbacks.lua", durable=True)

    def keep(self, callbacks: Sequence[UnreadableCallback]) -> None:
        """Store callbacks, in one round trip."""
        if not callbacks:
            return
        scored = [part for one in callbacks for part in (one.received_at, _member(one.sealed_by(self._cipher)))]
        newest = max(one.received_at for one in callbacks)
        parts = [scored[start : start + 2 * _PER_CALL] for start in range(0, len(scored), 2 * _PER_CALL)]
        named = [self._keys.unreadable_callbacks, self._keys.counts]
        self._keep.run_many([Call(named, [CAP, KEPT_FOR, newest, *part]) for part in parts])

    def all(self) -> list[UnreadableCallback]:
        """Every stored callback as it is stored, newest first."""
        with store_answers():
            found: Any = self._redis.zrange(self._keys.unreadable_callbacks, 0, -1, desc=True, withscores=True)
        return [UnreadableCallback.decode(json.loads(member) | {"received_at": int(at)}) for member, at in found]

    def drop(self, callback: UnreadableCallback) -> None:
        """Delete one that was dealt with."""
        run_durably(self._redis, ("ZREM", self._keys.unreadable_callbacks, _member(callback)))


def _member(callback: UnreadableCallback) -> str:
    """The callback as a member of the sorted set; ``received_at`` is its score."""
    wire = callback.encode()
    del wire["received_at"]
    return json.dumps(wire)

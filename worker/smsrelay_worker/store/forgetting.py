"""Forgetting: deletes what the store holds of one number's messages, as far as it may. Raises ``StoreUnavailable``.

What a call that failed has deleted stays deleted, and calling again goes on.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.message import recipient_digest
from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.script import Script

_MOST = 500  # messages a run of the script, which blocks the store for a few milliseconds
_FINAL = json.dumps({state.value: True for state in State if state.final})


@dataclass(frozen=True, slots=True)
class ForgottenMessages:
    """How many messages lost number, parameters and index entry, and how many are left, by their state."""

    forgotten: int
    left: Mapping[State, int]


class Forgetting:
    """Safe to share between threads. Finds what was accepted under any key of the ring."""

    def __init__(self, redis: StoreRedis, number_keys: KeyRing) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._number_keys = number_keys
        self._index = NumberIndex(redis, number_keys)
        self._forget = Script(redis, __name__, "forget.lua", ("ids.lua",), durable=True)

    def forget(self, number: str) -> ForgottenMessages:
        """Forget a number, in E.164. A message is forgotten whole or not at all, whatever workers do with it meanwhile."""
        forgotten, left = 0, Counter[State]()
        for digest in self._digests(number):
            # Read to the end first: what is forgotten leaves the index, and moves the places of the rest.
            ids = list(dict.fromkeys(one for some in self._index.ids_on(self._index.pages_of(digest)) for one in some))
            for part in (ids[start : start + _MOST] for start in range(0, len(ids), _MOST)):
                some, *states = self._forget.run(self._touched(digest, part), [digest, _FINAL, *part])
                forgotten += int(some)
                left.update({State(state): int(count) for state, count in zip(states[::2], states[1::2], strict=True)})
        return ForgottenMessages(forgotten, left)

    def attempts(self, number: str) -> int:
        """How many attempts to a number are still counted against caps."""
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for digest in self._digests(number):
                pipeline.llen(self._keys.caps(digest))
            return sum(pipeline.execute())

    def _touched(self, digest: str, message_ids: Sequence[str]) -> list[str]:
        both = (key for one in message_ids for key in (self._keys.message(one), self._keys.payload(one)))
        return [*self._keys.numbers(digest), *both]

    def _digests(self, number: str) -> list[str]:
        return [recipient_digest(key, number) for key in self._number_keys.all]

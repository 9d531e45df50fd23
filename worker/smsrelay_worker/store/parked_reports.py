"""ParkedReports: reports that arrived before their message, or before the external id of its submit, was recorded.

A report on a signed callback path is parked under its message for the retention. One without a signature, which anybody may have
sent, is parked under its external id for an hour, and at most ``UNPROVEN_CAP`` ids have any: the submit's answer brings the id
within a minute. Raises ``StoreUnavailable``.
"""

import json
from typing import Any

from smsrelay.contract.event import StatusEvent
from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay.store.script import Script

UNPROVEN_FOR = 3_600_000  # ms
UNPROVEN_CAP = 10_000  # external ids


class ParkedReports:
    """Reports that cannot be applied yet; safe to share between threads. ``retention`` in seconds."""

    def __init__(self, redis: StoreRedis, retention: float) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._retention = int(retention * 1000)
        self._park = Script(redis, __name__, "park.lua")
        self._drop_parked = Script(redis, __name__, "drop_parked.lua")

    def park(self, event: StatusEvent) -> bool:
        """Keep a report until its message or submit is recorded; False if that has happened meanwhile."""
        wire = json.dumps(event.encode())
        if event.message_id:
            named, args = [self._keys.message(event.message_id), self._keys.parked(event.message_id)], (wire, self._retention, "")
        else:
            external = event.external_id or ""
            named, args = [self._keys.external(external), self._keys.parked(external)], (wire, UNPROVEN_FOR, external)
        waiting = int(self._park.run([*named, self._keys.parked_ids], args))
        if waiting > UNPROVEN_CAP:
            self._drop_oldest(waiting - UNPROVEN_CAP)
        return waiting >= 0

    def of(self, any_id: str) -> list[StatusEvent]:
        """Reports parked under a message id or an external id."""
        with store_answers():
            lines: list[Any] = self._redis.lrange(self._keys.parked(any_id), 0, -1)
        return [StatusEvent.decode(json.loads(line)) for line in lines]

    def drop(self, any_id: str) -> None:
        """Remove parked reports that have been applied."""
        with store_answers():
            self._redis.delete(self._keys.parked(any_id))

    def _drop_oldest(self, count: int) -> None:
        with store_answers():
            found: Any = self._redis.zrange(self._keys.parked_ids, 0, count - 1)
        oldest = [str(one) for one in found]
        self._drop_parked.run([self._keys.parked_ids, *map(self._keys.parked, oldest)], [UNPROVEN_CAP, *oldest])

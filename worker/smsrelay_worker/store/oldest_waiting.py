"""OldestWaiting: since when the oldest of what waits has been waiting: messages by lane, and reports. Reads alone.

Of messages, those that are due and that no worker has claimed. Raises ``StoreUnavailable``.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis, store_answers

_LOOKED_AT = 5  # entries of an outbox: the first may have been cancelled, and leaves when it is claimed


@dataclass(frozen=True, slots=True)
class LaneWait:
    """How long a lane waits. Instants are ms on the store's clock."""

    since: int  # when the oldest message became due
    unmoved_since: int | None = None  # since when, at the latest, no worker has taken any; None: one was taken just now


class OldestWaiting:
    """Safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def lanes(self) -> dict[Lane, LaneWait]:
        """The lanes in which messages wait, in two round trips."""
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for lane in Lane:
                pipeline.zrange(self._keys.outbox(lane), 0, _LOOKED_AT - 1)
                pipeline.get(self._keys.taken(lane))
                pipeline.lrange(self._keys.marks(lane), 0, -1)
            answers: list[Any] = pipeline.execute()
        first = {lane: answers[3 * place : 3 * place + 3] for place, lane in enumerate(Lane)}
        due = self._due([str(one) for ids, _, _ in first.values() for one in ids])
        waits = {lane: min((due[one] for one in ids if one in due), default=None) for lane, (ids, _, _) in first.items()}
        return {
            lane: LaneWait(since, unmoved_since(str(first[lane][1] or "0"), first[lane][2]))
            for lane, since in waits.items()
            if since is not None
        }

    def report(self) -> int | None:
        """When the oldest report that is not applied was received (ms, by the receiver's clock); None if there is none."""
        with store_answers():
            keys: list[Any] = self._redis.zrange(self._keys.reports_outbox, 0, 0)
            wire = self._redis.hget(self._keys.reports, str(keys[0])) if keys else None
        received: object = json.loads(str(wire)).get("received_at") if wire else None
        return received if isinstance(received, int) else None

    def _due(self, ids: Sequence[str]) -> dict[str, int]:
        """When each of the messages that are queued became due."""
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for one in ids:
                pipeline.hmget(self._keys.message(one), "state", "due", "at")
            fields: list[Any] = pipeline.execute()
        return {one: int(due or at) for one, (state, due, at) in zip(ids, fields, strict=True) if state == State.QUEUED and at}


def unmoved_since(taken: str, marks: Iterable[str]) -> int | None:
    """The earliest of the lane's newest marks ("now taken place", ms, newest first) that shows the place taken now."""
    found = None
    for mark in marks:
        at, then_taken, _ = str(mark).split(" ")
        if then_taken != taken:
            break
        found = int(at)
    return found

"""Outbox: records accepted messages before anything is published.

Enters: ``Message`` values. Leaves: for each, whether it is ours, and whether a worker still has to be told.
Fails with ``StoreUnavailable``: then each message was recorded whole or not at all, and recording it again is harmless.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from redis import Redis

from producers import keys
from producers.clock import StoreClock
from producers.message import Message
from producers.record import DEFAULT_APP, State
from producers.script import Call, Script

EVENTS_CAP = 100_000
PER_CALL = 50  # messages a run of the script: half a millisecond of the store's, in which nobody else is served

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one message at the outbox."""

    message: Message
    new: bool
    same: bool  # False: another job stands under this id
    wake: bool  # a worker has to be told


class Outbox:
    """Records messages atomically, idempotent by message id."""

    def __init__(self, redis: Redis, secret: bytes) -> None:
        self._redis = redis
        self._secret = secret
        self._record = Script(redis, "producers", "outbox.lua")
        self._clock = StoreClock(redis)

    def now(self) -> int:
        """The store's clock, in ms; raises ``StoreUnavailable``."""
        return self._clock.now()

    def record(self, messages: Sequence[Message]) -> list[Recorded]:
        """Record every message in one round trip; raises ``StoreUnavailable``."""
        draft = self.draft(messages)
        return draft.recorded(self._record.run_many(draft.calls))

    def draft(self, messages: Sequence[Message]) -> "Draft":
        """Messages made ready: all of the work of recording that needs no store."""
        parts = [messages[start : start + PER_CALL] for start in range(0, len(messages), PER_CALL)]
        prints = [[message.fingerprint(self._secret) for message in part] for part in parts]
        return Draft(parts, prints, [self._call(part, of_part) for part, of_part in zip(parts, prints, strict=True)])

    def begin(self, draft: "Draft") -> Callable[[], list[Recorded]]:
        """Record in two steps: the store begins now, and the call that is returned waits for it. It has to be called."""
        begun = self._record.begin(draft.calls)
        return lambda: draft.recorded(begun.answers())

    def close(self) -> None:
        """Release every connection."""
        self._redis.close()

    def _call(self, messages: Sequence[Message], fingerprints: Sequence[str]) -> Call:
        lanes = list(dict.fromkeys(message.lane for message in messages))
        named = [keys.AGENDA, keys.EVENTS, keys.PLACE, *(keys.outbox(lane) for lane in lanes)]
        rows = []
        for message, fingerprint in zip(messages, fingerprints, strict=True):
            named += (keys.message(message.message_id), keys.payload(message.message_id))
            rows.append(self._row(message, fingerprint))
        return Call(named, [EVENTS_CAP, _json(lanes), _json(rows)])

    def _row(self, message: Message, fingerprint: str) -> tuple[str | int, ...]:
        return (
            message.message_id,
            message.payload(),
            message.expires_at,
            "" if message.not_before is None else message.not_before,
            fingerprint,
            message.lane,
            message.template,
            "" if message.app == DEFAULT_APP else message.app,
            message.recipient_hash(self._secret),
            message.reference or "",
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """Messages made ready for the store, with their fingerprints, fifty a call."""

    parts: Sequence[Sequence[Message]]
    prints: Sequence[Sequence[str]]
    calls: Sequence[Call]

    def recorded(self, answers: Sequence[Iterable[str]]) -> list[Recorded]:
        """What the store's answers to the calls mean for each message."""
        return [one for part in zip(self.parts, self.prints, answers, strict=True) for one in _recorded(*part)]


def _recorded(messages: Sequence[Message], fingerprints: Sequence[str], answer: Iterable[str]) -> list[Recorded]:
    """What one run of the script did; it speaks only of those that were not simply recorded and queued."""
    recorded = [Recorded(message, new=True, same=True, wake=True) for message in messages]
    for line in answer:
        place, new, known, state = line.split("|")
        at = int(place)
        same = new == "1" or known == fingerprints[at]
        recorded[at] = Recorded(messages[at], new=new == "1", same=same, wake=state == State.QUEUED)
    return recorded

"""Outbox: records accepted messages before anything is published.

Enters: ``Message`` values. Leaves: for each, whether it is ours, and whether a worker still has to be told.
Fails with ``StoreUnavailable``: then each message was recorded whole or not at all, and recording it again is harmless.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from redis import Redis

from producers import keys
from producers.clock import StoreClock
from producers.message import Message
from producers.record import State
from producers.script import Call, Script

EVENTS_CAP = 100_000
PER_CALL = 50  # messages a run of the script: half a millisecond of the store's, in which nobody else is served


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
        parts = [messages[start : start + PER_CALL] for start in range(0, len(messages), PER_CALL)]
        prints = [[message.fingerprint(self._secret) for message in part] for part in parts]
        calls = [self._call(part, of_part) for part, of_part in zip(parts, prints, strict=True)]
        answers = self._record.run_many(calls)
        return [one for part in zip(parts, prints, answers, strict=True) for one in _recorded(*part)]

    def close(self) -> None:
        """Release every connection."""
        self._redis.close()

    def _call(self, messages: Sequence[Message], fingerprints: Sequence[str]) -> Call:
        lanes = list(dict.fromkeys(message.lane for message in messages))
        named = [keys.AGENDA, keys.EVENTS, keys.PLACE, *(keys.outbox(lane) for lane in lanes)]
        args: list[str | int] = [EVENTS_CAP, " ".join(lane.value for lane in lanes)]
        for message, fingerprint in zip(messages, fingerprints, strict=True):
            named += (keys.message(message.message_id), keys.payload(message.message_id))
            args += (
                message.message_id,
                message.payload(),
                message.expires_at,
                "" if message.not_before is None else message.not_before,
                fingerprint,
                message.lane.value,
                message.template,
                message.app,
                message.recipient_hash(self._secret),
                message.reference or "",
            )
        return Call(named, args)


def _recorded(messages: Sequence[Message], fingerprints: Sequence[str], answer: Iterable[str]) -> list[Recorded]:
    """What one run of the script did; it speaks only of those that were not simply recorded and queued."""
    recorded = [Recorded(message, new=True, same=True, wake=True) for message in messages]
    for line in answer:
        place, new, known, state = line.split("|")
        at = int(place)
        same = new == "1" or known == fingerprints[at]
        recorded[at] = Recorded(messages[at], new=new == "1", same=same, wake=state == State.QUEUED)
    return recorded

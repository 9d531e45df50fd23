"""Outbox: records accepted messages before anything is published.

Enters: ``Message`` values. Leaves: for each, whether it is ours, and whether a worker still has to be told.
Fails with ``StoreUnavailable``: then each message was recorded whole or not at all, and recording it again is harmless.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis

from producers import keys
from producers.connection import store_answers
from producers.message import Message
from producers.record import State
from producers.script import Call, Script

EVENTS_CAP = 100_000


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

    def now(self) -> int:
        """The store's clock, in ms; raises ``StoreUnavailable``."""
        with store_answers():
            seconds, micros = self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def record(self, messages: Sequence[Message]) -> list[Recorded]:
        """Record every message in one round trip; raises ``StoreUnavailable``."""
        fingerprints = [message.fingerprint(self._secret) for message in messages]
        calls = [self._call(message, print_) for message, print_ in zip(messages, fingerprints, strict=True)]
        answers = self._record.run_many(calls)
        return [
            Recorded(message, new=new == 1, same=new == 1 or known == print_, wake=state == State.QUEUED)
            for message, print_, (new, known, state) in zip(messages, fingerprints, answers, strict=True)
        ]

    def close(self) -> None:
        """Release every connection."""
        self._redis.close()

    def _call(self, message: Message, fingerprint: str) -> Call:
        message_id, lane = message.message_id, message.lane
        fields = ["tpl", message.template, "app", message.app, "who", message.recipient_hash(self._secret)]
        if message.reference is not None:
            fields += ["ref", message.reference]
        return Call(
            [keys.message(message_id), keys.payload(message_id), keys.AGENDA, keys.outbox(lane), keys.EVENTS, keys.PLACE],
            [
                message_id,
                message.payload(),
                message.expires_at,
                "" if message.not_before is None else message.not_before,
                fingerprint,
                EVENTS_CAP,
                lane.value,
                *fields,
            ],
        )

"""Outbox: records accepted messages before anything is published; or together with it, where broker and store are one Redis.

Enters: ``Message`` values. Leaves: for each, whether it is ours, and whether a worker still has to be told.
Fails with ``StoreUnavailable``: then each message was recorded whole or not at all, and recording it again is harmless.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from redis import Redis

from smsrelay.broker.redis_envelope import envelope
from smsrelay.broker.task_message import TaskMessage
from smsrelay.contract.job import DEFAULT_APP
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import Message
from smsrelay.contract.state import State
from smsrelay.store import keys
from smsrelay.store.clock import StoreClock
from smsrelay.store.script import Call, Script

WakeUp = Callable[[Lane, Sequence[str]], TaskMessage]  # the task that tells the workers of messages

EVENTS_CAP = 100_000
PER_CALL = 50  # messages a run of the script: half a millisecond of the store's, in which nobody else is served

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one message at the outbox."""

    message: Message
    new: bool
    same: bool  # False: another job stands under this id
    wake: bool  # a worker still has to be told


class Outbox:
    """Records messages atomically, idempotent by message id."""

    def __init__(self, redis: Redis, secret: bytes) -> None:
        self._redis = redis
        self._secret = secret
        self._record = Script(redis, __name__, "outbox.lua")
        self._clock = StoreClock(redis)

    def now(self) -> int:
        """The store's clock, in ms; raises ``StoreUnavailable``."""
        return self._clock.now()

    def record(self, messages: Sequence[Message], wake_up: WakeUp | None = None) -> list[Recorded]:
        """Record every message in one round trip; raises ``StoreUnavailable``."""
        draft = self.draft(messages, wake_up)
        return draft.recorded(self._record.run_many(draft.calls))

    def draft(self, messages: Sequence[Message], wake_up: WakeUp | None = None) -> "Draft":
        """Messages made ready: all of the work of recording that needs no store.

        With ``wake_up``, which only a store that is broker too may be given, its tasks are on the queues when their messages are
        recorded. A task of which one message needs none is left out; its others still have to be told of.
        """
        parts = [messages[start : start + PER_CALL] for start in range(0, len(messages), PER_CALL)]
        prints = [[message.fingerprint(self._secret) for message in part] for part in parts]
        calls = [self._call(part, of_part, wake_up) for part, of_part in zip(parts, prints, strict=True)]
        return Draft(parts, prints, calls, wake_up is not None)

    def begin(self, draft: "Draft") -> Callable[[], list[Recorded]]:
        """Record in two steps: the store begins now, and the call that is returned waits for it. It has to be called."""
        begun = self._record.begin(draft.calls)
        return lambda: draft.recorded(begun.answers())

    def close(self) -> None:
        """Release every connection."""
        self._redis.close()

    def _call(self, messages: Sequence[Message], fingerprints: Sequence[str], wake_up: WakeUp | None) -> Call:
        lanes = list(dict.fromkeys(message.lane for message in messages))
        named = [keys.AGENDA, keys.EVENTS, keys.PLACE, *(keys.outbox(lane) for lane in lanes)]
        rows = []
        for message, fingerprint in zip(messages, fingerprints, strict=True):
            named += (keys.message(message.message_id), keys.payload(message.message_id))
            rows.append(self._row(message, fingerprint))
        tasks = [] if wake_up is None else [wake_up(lane, _ids(messages, lane)) for lane in lanes]
        queues = [task.queue for task in tasks]
        return Call([*named, *queues], [EVENTS_CAP, _json(lanes), _json(rows), *map(envelope, tasks)])

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
    tells: bool  # the calls bring the tasks

    def recorded(self, answers: Sequence[Iterable[str]]) -> list[Recorded]:
        """What the store's answers to the calls mean for each message."""
        recorded: list[Recorded] = []
        for messages, fingerprints, answer in zip(self.parts, self.prints, answers, strict=True):
            part = _recorded(messages, fingerprints, answer)
            recorded += _told(part) if self.tells else part
        return recorded


def _recorded(messages: Sequence[Message], fingerprints: Sequence[str], answer: Iterable[str]) -> list[Recorded]:
    """What one run of the script did; it speaks only of those that were not simply recorded and queued."""
    recorded = [Recorded(message, new=True, same=True, wake=True) for message in messages]
    for line in answer:
        place, new, known, state = line.split("|")
        at = int(place)
        same = new == "1" or known == fingerprints[at]
        recorded[at] = Recorded(messages[at], new=new == "1", same=same, wake=state == State.QUEUED)
    return recorded


def _told(recorded: Sequence[Recorded]) -> list[Recorded]:
    """What is left to be told of after a run that had the tasks with it; it left out the tasks of silent lanes."""
    silent = {one.message.lane for one in recorded if not (one.wake and one.same)}
    return [one if one.message.lane in silent else replace(one, wake=False) for one in recorded]


def _ids(messages: Sequence[Message], lane: Lane) -> list[str]:
    return [message.message_id for message in messages if message.lane is lane]

"""Store: reads records and applies transitions; the only place that changes a record after the outbox wrote it.

Enters: message ids, and transitions decided on a record as it was read. Leaves: records, and whether a transition was applied;
it is not when the record has moved on since, and then the caller reads and decides again.
Fails with ``StoreUnavailable``: the transition was applied whole or not at all.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.store import keys
from smsrelay.store.connection import store_answers
from smsrelay.store.inbox import report_key
from smsrelay.store.script import Call, Script
from smsrelay_worker.messages.record import Record
from smsrelay_worker.messages.transition import Transition
from smsrelay_worker.store.apply import Applied, applying, read_applied
from smsrelay_worker.store.parked_reports import parking
from smsrelay_worker.store.undecodable import UNDECODABLE_CAP, Undecodable

_TAKEN_FOR = 10_000  # ms; who took an agenda entry has this long to act before it is due again
REPORT_TRIES = 5  # of a report that brings out a fault of ours, before it is kept for a person
HOLD = 12.0  # seconds that a claim keeps a wake-up from being called lost


@dataclass(frozen=True, slots=True)
class Payload:
    """Recipient and parameters; their repr shows neither."""

    to: str = field(repr=False)
    params: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """A record, and the store's clock (ms) when it was read."""

    record: Record
    payload: Payload | None
    now: int
    parked: bool = False  # reports came before this message; only a claim looks
    reported: bool = False  # reports on an earlier attempt wait in the inbox; only a claim looks


@dataclass(frozen=True, slots=True)
class Change:
    """What deciding came to: what it was decided on at last, and what was applied to that, if anything."""

    reading: Reading
    transition: Transition | None
    applied: Applied | None = None

    @property
    def record(self) -> Record:
        """The record it was decided on."""
        return self.reading.record

    @property
    def after(self) -> Record:
        """The record as it is now."""
        if self.transition is None or self.applied is None:
            return self.reading.record
        return self.transition.applied_to(self.reading.record, self.applied.at)


Decide = Callable[[Reading], Transition | None]


class Store:
    """State of every message."""

    def __init__(self, redis: Redis, retention: float) -> None:
        self._redis = redis
        self._retention = int(retention * 1000)
        self._apply = Script(redis, __name__, "apply.lua")
        self._take = Script(redis, __name__, "due.lua")
        self._lost = Script(redis, __name__, "lost.lua")
        self._park = Script(redis, __name__, "park.lua")
        self._claim = Script(redis, __name__, "claim.lua")
        self._failed = Script(redis, __name__, "failed.lua")

    def read(self, message_id: str) -> Reading | None:
        """One message with its payload and the clock, in one round trip; None when there is no such message."""
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(keys.message(message_id))
            pipeline.get(keys.payload(message_id))
            pipeline.time()
            fields, payload, (seconds, micros) = pipeline.execute()
        if not fields:
            return None
        now = int(seconds) * 1000 + int(micros) // 1000
        return Reading(Record.decode(message_id, fields), _payload(payload), now)

    def claim(self, message_ids: Sequence[str]) -> list[Reading | None]:
        """Take wake-ups into the hands of a worker for ``HOLD`` seconds, and read their messages, in one round trip."""
        calls = [
            Call(
                [keys.message(one), keys.payload(one), keys.AGENDA, keys.parked(one), keys.REPORTS_KEYS],
                [one, int(HOLD * 1000)],
            )
            for one in message_ids
        ]
        return [_claimed(one, answer) for one, answer in zip(message_ids, self._claim.run_many(calls), strict=True)]

    def change(self, message_id: str, decide: Decide, reading: Reading | None = None) -> Change | None:
        """Decide on the record as it is and apply that; decides again whenever somebody was faster.

        A ``reading`` at hand saves a round trip. None when there is no such message.
        """
        while (reading := reading or self.read(message_id)) is not None:
            transition = decide(reading)
            if transition is None:
                return Change(reading, None)
            applied = self.apply(reading.record, transition)
            if applied is not None:
                return Change(reading, transition, applied)
            reading = None
        return None

    def change_many(self, owed: Sequence[tuple[Reading, Decide]]) -> list[Change | None]:
        """``change`` for each reading at hand, all in one round trip, and again for each that somebody was faster with."""
        decided = [(reading, decide, decide(reading)) for reading, decide in owed]
        pairs = [(reading.record, transition) for reading, _, transition in decided if transition is not None]
        answers = iter(self.apply_many(pairs))
        changes: list[Change | None] = []
        for reading, decide, transition in decided:
            applied = next(answers) if transition is not None else None
            if transition is None or applied is not None:
                changes.append(Change(reading, transition, applied))
            else:
                changes.append(self.change(reading.record.message_id, decide))
        return changes

    def apply(self, record: Record, transition: Transition) -> Applied | None:
        """Apply a transition to the record it was decided on; None when the record has moved on since."""
        call = applying(record, transition, self._retention)
        return read_applied(self._apply.run(call.keys, call.args))

    def apply_many(self, pairs: Sequence[tuple[Record, Transition]]) -> list[Applied | None]:
        """``apply`` for each pair, all in one round trip; every one stands for itself."""
        calls = [applying(record, transition, self._retention) for record, transition in pairs]
        return [read_applied(answer) for answer in self._apply.run_many(calls)]

    def take_due(self, at_most: int) -> list[str]:
        """Ids of messages at which something is due; theirs is the caller's for ten seconds, then they are due again."""
        return list(self._take.run([keys.AGENDA], [at_most, _TAKEN_FOR]))

    def count_failed(self, event: StatusEvent, reason: str) -> bool:
        """A report brought out a fault of ours once more; True when it is kept for a person by now, and not tried again."""
        named = [keys.REPORTS, keys.REPORTS_OUTBOX, keys.REPORTS_KEYS, keys.REPORTS_TRIES, keys.UNDECODABLE]
        kept = Undecodable.now(STATUS_QUEUE, f"{reason} in {REPORT_TRIES} tries; the log says where", event.encode_text())
        told = (report_key(event), REPORT_TRIES, kept.encode(), UNDECODABLE_CAP, self._retention)
        return bool(self._failed.run(named, told))

    def forget_due(self, message_id: str) -> None:
        """Remove an agenda entry whose message is gone."""
        with store_answers():
            self._redis.zrem(keys.AGENDA, message_id)

    def take_lost(self, lane: Lane, grace: float, at_most: int, queue_is_empty: bool) -> list[str]:
        """Ids of messages whose wake-up is lost; they count as published now. ``grace`` in seconds."""
        args = [int(grace * 1000), at_most, int(queue_is_empty)]
        named = [keys.outbox(lane), keys.taken(lane), keys.marks(lane), keys.PLACE]
        return list(self._lost.run(named, args))

    def take_lost_reports(self, grace: float, at_most: int, queue_is_empty: bool) -> list[str]:
        """Keys of reports whose task is lost; they count as published now. ``grace`` in seconds."""
        named = [keys.REPORTS_OUTBOX, keys.REPORTS_TAKEN, keys.REPORTS_MARKS, keys.PLACE]
        return list(self._lost.run(named, [int(grace * 1000), at_most, int(queue_is_empty)]))

    def submit_of(self, external_id: str) -> tuple[str, int] | None:
        """Message and attempt that a vendor's id belongs to, once the submit is recorded."""
        with store_answers():
            found = self._redis.get(keys.external(external_id))
        return _submit(found)

    def park(self, event: StatusEvent) -> bool:
        """Keep a report until its message or submit is recorded; False when it is recorded by now."""
        call = parking(event, self._retention)
        return bool(self._park.run(call.keys, call.args) == 0)

    def parked(self, any_id: str) -> list[StatusEvent]:
        """Reports parked for a message or a vendor's id."""
        with store_answers():
            lines: list[Any] = self._redis.lrange(keys.parked(any_id), 0, -1)
        return [StatusEvent.decode(json.loads(line)) for line in lines]

    def unpark(self, any_id: str) -> None:
        """Drop parked reports after they were applied."""
        with store_answers():
            self._redis.delete(keys.parked(any_id))

    def waiting(self, lane: Lane) -> int:
        """How many messages of a lane wait to be begun."""
        with store_answers():
            return int(self._redis.zcard(keys.outbox(lane)))

    def timed(self) -> int:
        """How many messages are not final: each has its time in the agenda."""
        with store_answers():
            return int(self._redis.zcard(keys.AGENDA))

    def unlisted(self) -> dict[str, int]:
        """Status codes the policy does not list, and how many reports brought each."""
        with store_answers():
            return {str(code): int(count) for code, count in self._redis.hgetall(keys.UNLISTED).items()}

    def dead(self, since: int, expired: bool = False) -> list[str]:
        """Ids of messages that failed or ended unknown, or of those that expired, since an instant (ms), newest first."""
        with store_answers():
            key = keys.EXPIRED if expired else keys.DEAD
            return [str(one) for one in self._redis.zrange(key, "+inf", since, desc=True, byscore=True)]

    def count_expired(self) -> int:
        """How many messages expired and are still held."""
        with store_answers():
            return int(self._redis.zcard(keys.EXPIRED))

    def dead_count(self) -> int:
        """How many messages failed or ended unknown, within the retention."""
        with store_answers():
            return int(self._redis.zcard(keys.DEAD))

    def reports(self) -> int:
        """How many reports are not applied yet."""
        with store_answers():
            return int(self._redis.hlen(keys.REPORTS))

    def keep_undecodable(self, queue: str, reason: str, body: str | bytes, task_id: str | None = None) -> str:
        """Keep a task nobody could read, for a person to look at; the id it is kept under. Twice by its id, it is one message."""
        kept = Undecodable.now(queue, reason, body, task_id)
        with store_answers(), self._redis.pipeline() as pipeline:
            pipeline.lpush(keys.UNDECODABLE, kept.encode())
            pipeline.ltrim(keys.UNDECODABLE, 0, UNDECODABLE_CAP - 1)
            pipeline.pexpire(keys.UNDECODABLE, self._retention)  # they hold numbers, so they do not stay for ever
            pipeline.execute()
        return kept.kept_id

    def undecodable(self) -> list[Undecodable]:
        """Every task kept because nobody could read it, newest first."""
        with store_answers():
            lines = self._redis.lrange(keys.UNDECODABLE, 0, -1)
        return [Undecodable.decode(str(line)) for line in lines]

    def drop_undecodable(self, kept: Undecodable) -> None:
        """Let go of one that was dealt with."""
        with store_answers():
            self._redis.lrem(keys.UNDECODABLE, 1, kept.encode())

    def read_many(self, message_ids: Sequence[str]) -> list[Reading | None]:
        """Messages without their payloads, in one round trip; None for each that there is not."""
        if not message_ids:
            return []
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            for message_id in message_ids:
                pipeline.hgetall(keys.message(message_id))
            (seconds, micros), *found = pipeline.execute()
        now = int(seconds) * 1000 + int(micros) // 1000
        return [
            Reading(Record.decode(message_id, fields), None, now) if fields else None
            for message_id, fields in zip(message_ids, found, strict=True)
        ]

    def submits_of(self, external_ids: Sequence[str]) -> list[tuple[str, int] | None]:
        """``submit_of`` for each, in one round trip."""
        if not external_ids:
            return []
        with store_answers():
            found = self._redis.mget([keys.external(one) for one in external_ids])
        return [_submit(one) for one in found]


def _claimed(message_id: str, answer: Sequence[Any]) -> Reading | None:
    wire, payload, now, parked, reported = answer
    fields = json.loads(wire)  # one text in place of thirty: what a client spends on a claim is reading its answer
    if not fields:
        return None
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    return Reading(Record.decode(message_id, named), _payload(payload), int(now), bool(parked), bool(reported))


def _submit(wire: Any) -> tuple[str, int] | None:
    if wire is None:
        return None
    message_id, _, attempt = str(wire).rpartition(":")
    return message_id, int(attempt)


def _payload(wire: str | None) -> Payload | None:
    if wire is None:
        return None
    fields = json.loads(wire)
    return Payload(fields["to"], tuple(fields["params"]))

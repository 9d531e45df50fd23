"""Records: reads messages' records and applies transitions to them. Nothing else changes a record once the outbox has written it.

A transition is decided on a record as it was read and applied only if the record has not changed since; otherwise the caller
reads and decides again. Raises ``StoreUnavailable``: the transition was then applied completely or not at all.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from smsrelay.contract.job import DEFAULT_APP
from smsrelay.contract.lanes import Lane
from smsrelay.contract.payload_cipher import PAYLOAD, PLAIN, CannotOpen, PayloadCipher, sealed_by
from smsrelay.messages.checks import Bar, Barred
from smsrelay.messages.record import Record
from smsrelay.messages.sinks import Sinks
from smsrelay.messages.transition import Transition
from smsrelay.store.apply import Applied, applying, read_applied
from smsrelay.store.connection import StoreRedis, run_durably, store_answers
from smsrelay.store.outbox import PRELUDES
from smsrelay.store.script import Call, Script

HOLD = 12.0  # seconds for which a claimed wake-up does not count as lost
_CLAIM_ARGS = (int(HOLD * 1000), DEFAULT_APP, *(lane.value for lane in Lane))


@dataclass(frozen=True, slots=True)
class Payload:
    """Recipient and parameters of a message. Neither is in its repr."""

    to: str = field(repr=False)
    params: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """A record as it was read, and the store's clock (ms) at that time.

    ``payload``: None if it is deleted, or was not read, or, as ``unreadable`` says, could not be opened.
    """

    record: Record
    payload: Payload | None
    now: int
    parked: bool = False  # reports arrived before this message; set by a claim only
    reported: bool = False  # reports on an earlier attempt wait in the inbox; set by a claim only
    barred: Barred | None = None  # a part of the traffic that it belongs to is halted; set by a claim only
    unreadable: str | None = None  # why the payload that the store holds could not be opened
    payload_key: str | None = None  # the name of the key that such a payload is encrypted with


@dataclass(frozen=True, slots=True)
class Change:
    """The result of a decision: the reading it was finally based on, and the transition applied to it, if any.

    ``barred``: why the transition, a begin, was not applied to a record that has not changed.
    """

    reading: Reading
    transition: Transition | None
    applied: Applied | None = None
    barred: Barred | None = None

    @property
    def record(self) -> Record:
        """The record it was decided on."""
        return self.reading.record

    @property
    def after(self) -> Record:
        """The record as it is now."""
        if self.transition is None or self.applied is None:
            return self.reading.record
        return self.transition.applied_to(self.reading.record, self.applied.at, told=self.applied.told)


Decide = Callable[[Reading], Transition | None]


class Records:
    """The record of every message; safe to share between threads. ``retention`` in seconds.

    ``sinks`` says whose outboxes a transition is written into. Without it the script asks the store, where workers publish their
    sinks at their start. ``cipher`` opens payloads; whoever reads none of them needs no keys.
    """

    def __init__(self, redis: StoreRedis, retention: float, sinks: Sinks | None = None, cipher: PayloadCipher = PLAIN) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._cipher = cipher
        self._sinks = sinks
        self._retention = int(retention * 1000)
        self._apply = Script(redis, __name__, "apply.lua", PRELUDES)
        self._apply_durably = self._apply.durable()
        self._claim = Script(redis, __name__, "claim.lua", ("halts.lua",))
        keys = redis.store_keys
        self._claim_keys = (keys.agenda, keys.reports_keys, keys.halts, *keys.lanes)  # of any message

    def read(self, message_id: str) -> Reading | None:
        """One message with its payload, in one round trip; None if there is no such message."""
        return self._read_all([message_id], durable=False)[0]

    def read_durably(self, message_id: str) -> Reading | None:
        """The same, as enough replicas have it; raises ``StoreUnavailable`` if they do not have what was read."""
        return self._read_all([message_id], durable=True)[0]

    def read_many(self, message_ids: Sequence[str]) -> list[Reading | None]:
        """Several messages without their payloads, in one round trip; None for each that does not exist."""
        if not message_ids:
            return []
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            for message_id in message_ids:
                pipeline.hgetall(self._keys.message(message_id))
            (seconds, micros), *found = pipeline.execute()
        now = int(seconds) * 1000 + int(micros) // 1000
        return [
            Reading(Record.decode(message_id, fields), None, now) if fields else None
            for message_id, fields in zip(message_ids, found, strict=True)
        ]

    def claim(self, message_ids: Sequence[str]) -> list[Reading | None]:
        """Claim the wake-ups of messages for ``HOLD`` seconds and read the messages, in one round trip."""
        keys = self._keys
        calls = [
            Call([keys.message(one), keys.payload(one), keys.parked(one), *self._claim_keys], [one, *_CLAIM_ARGS])
            for one in message_ids
        ]
        return [self._claimed(one, answer) for one, answer in zip(message_ids, self._claim.run_many(calls), strict=True)]

    def change(self, message_id: str, decide: Decide, reading: Reading | None = None, *, durable: bool = False) -> Change | None:
        """Decide on the current record and apply the transition; read and decide again if the record has changed meanwhile.

        An earlier ``reading`` saves a round trip. None if there is no such message.

        ``durable``: the change counts only once enough replicas have it (``store.barrier``), for what somebody is told, or does
        outside the store, because of it. That nothing is to be done, because it was done before, counts no earlier.
        """
        while (reading := reading or (self.read_durably if durable else self.read)(message_id)) is not None:
            transition = decide(reading)
            if transition is None:
                return Change(reading, None)
            applied = self.apply(reading.record, transition, durable=durable)
            if applied is not None:
                return _change(reading, transition, applied)
            reading = None
        return None

    def change_many(self, wanted: Sequence[tuple[Reading, Decide]], *, durable: bool = False) -> list[Change | None]:
        """``change`` for each reading, all in one round trip.

        Those whose record has changed meanwhile are read again together, and decided again, as often as it takes: many that wait
        for replicas one by one would take so long that the next ones have changed as well.
        """
        changes: list[Change | None] = [None] * len(wanted)
        left = [(place, reading) for place, (reading, _) in enumerate(wanted)]
        while left:
            decided = [(place, reading, wanted[place][1](reading)) for place, reading in left]
            pairs = [(reading.record, transition) for _, reading, transition in decided if transition is not None]
            answers = iter(self.apply_many(pairs, durable=durable))
            changed: list[tuple[int, str]] = []
            for place, reading, transition in decided:
                applied = next(answers) if transition is not None else None
                if transition is None or applied is not None:
                    changes[place] = _change(reading, transition, applied)
                else:
                    changed.append((place, reading.record.message_id))
            found = self._read_all([message_id for _, message_id in changed], durable=durable)
            left = [(place, reading) for (place, _), reading in zip(changed, found, strict=True) if reading is not None]
        return changes

    def apply(self, record: Record, transition: Transition, *, durable: bool = False) -> Applied | Barred | None:
        """Apply a transition to the record it was decided on; None if the record has changed since."""
        [applied] = self.apply_many([(record, transition)], durable=durable)
        return applied

    @property
    def script(self) -> str:
        """Lua source of the script that ``apply_command`` runs."""
        return self._apply.source

    def read_command(self, message_id: str) -> tuple[str, str]:
        """The fields of a record, as a command to send on a connection."""
        return "HGETALL", self._keys.message(message_id)

    def apply_command(self, record: Record, transition: Transition) -> tuple[Any, ...]:
        """``apply`` as a command to send on a connection; ``read_applied`` reads the answer."""
        [command] = self._apply.commands([applying(self._keys, record, transition, self._retention, self._sinks)])
        return command

    def apply_many(self, pairs: Sequence[tuple[Record, Transition]], *, durable: bool = False) -> list[Applied | Barred | None]:
        """``apply`` for each pair, all in one round trip; each is applied or not on its own. ``durable`` as in ``change``."""
        script = self._apply_durably if durable else self._apply
        calls = [applying(self._keys, record, transition, self._retention, self._sinks) for record, transition in pairs]
        return [read_applied(answer) for answer in script.run_many(calls)]

    def submits_of(self, external_ids: Sequence[str]) -> list[tuple[str, int] | None]:
        """Message and attempt of each external id, in one round trip; None for an id that no recorded submit has brought."""
        if not external_ids:
            return []
        with store_answers():
            found = self._redis.mget([self._keys.external(one) for one in external_ids])
        return [_submit(one) for one in found]

    def _read_all(self, message_ids: Sequence[str], *, durable: bool) -> list[Reading | None]:
        """Messages with their payloads, in one round trip."""
        if not message_ids:
            return []
        keys = self._keys
        commands: list[tuple[str, ...]] = []
        for one in message_ids:
            commands += [self.read_command(one), ("GET", keys.payload(one))]
        commands.append(("TIME",))
        *found, time = run_durably(self._redis, *commands) if durable else _run(self._redis, *commands)
        of_each = zip(message_ids, found[::2], found[1::2], strict=True)
        return [self._read(message_id, fields, payload, time) for message_id, fields, payload in of_each]

    def _read(self, message_id: str, fields: Any, payload: str | None, time: Sequence[Any]) -> Reading | None:
        if not fields:
            return None
        seconds, micros = time
        now = int(seconds) * 1000 + int(micros) // 1000
        return self._opened(Reading(Record.decode(message_id, fields), None, now), payload)

    def _claimed(self, message_id: str, answer: Sequence[Any]) -> Reading | None:
        wire, payload, now, parked, reported, *halt = answer
        fields = json.loads(wire)  # one string instead of thirty: most of a client's cost of a claim is parsing the reply
        if not fields:
            return None
        named = dict(zip(fields[::2], fields[1::2], strict=True))
        barred = Barred(Bar(halt[0]), halt[1], int(halt[2])) if halt else None
        record = Record.decode(message_id, named)
        return self._opened(Reading(record, None, int(now), bool(parked), bool(reported), barred), payload)

    def _opened(self, reading: Reading, wire: str | None) -> Reading:
        """The reading with the payload that the store holds, if it does."""
        if wire is None:
            return reading
        try:
            fields = json.loads(self._cipher.open(PAYLOAD, reading.record.message_id, wire))
        except CannotOpen as closed:
            return replace(reading, unreadable=str(closed), payload_key=sealed_by(wire))
        return replace(reading, payload=Payload(fields["to"], tuple(fields["params"])))


def _run(redis: StoreRedis, *commands: tuple[Any, ...]) -> list[Any]:
    with store_answers(), redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
        return list(pipeline.execute())


def _change(reading: Reading, transition: Transition | None, applied: Applied | Barred | None) -> Change:
    if isinstance(applied, Barred):
        return Change(reading, None, barred=applied)
    return Change(reading, transition, applied)


def _submit(wire: Any) -> tuple[str, int] | None:
    if wire is None:
        return None
    message_id, _, attempt = str(wire).rpartition(":")
    return message_id, int(attempt)

"""Outbox: records accepted messages before they are published, or in the same step where broker and store are one Redis.

Returns for each message whether it was new, whether its id was taken by another job, and whether it still has to be published.
Raises ``StoreUnavailable``: then each message was recorded whole or not at all, and recording it again is harmless.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from smsrelay.broker.redis_envelope import envelope
from smsrelay.broker.task_message import TaskMessage
from smsrelay.contract.country import MAINLAND, calling_code
from smsrelay.contract.job import DEFAULT_APP
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import Message, recipient_digest
from smsrelay.contract.payload_cipher import PAYLOAD, PLAIN, PayloadCipher
from smsrelay.contract.state import State
from smsrelay.messages.checks import Bar, Barred
from smsrelay.messages.record import TAG, TRACEPARENT
from smsrelay.store.clock import StoreClock
from smsrelay.store.connection import StoreRedis
from smsrelay.store.enqueue_traces import UNTRACED, EnqueueSpans, EnqueueTraces
from smsrelay.store.script import Call, Script

WakeUp = Callable[[Lane, Sequence[str]], TaskMessage]  # makes the task that has workers attempt these messages

EVENTS_CAP = 100_000
PER_CALL = 50  # messages per run of the script, which blocks the store for half a millisecond

PRELUDES = ("ids.lua", "number_index.lua", "caps.lua", "halts.lua")
_COUNTS = "counts.lua"

_MAINLAND = f"+{MAINLAND}"

_Digests = tuple[str, ...]  # by each key, the newest first
_Fingerprints = _Digests  # of one message; one empty one without a reference

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the outbox did with one message."""

    message: Message
    new: bool  # False: it was recorded before
    same: bool  # False: another job has this id, because its reference is the same
    wake: bool  # it still has to be published
    barred: Barred | None = None  # it was refused, and why
    wait: int = 0  # ms until it would be accepted; 0: nobody knows


class Outbox:
    """Records messages atomically, once for each message id.

    ``caps``: whether a code over its cap is refused; else it is recorded, and its attempt waits. ``cipher`` encrypts payloads.
    ``traces`` is told of every message.
    """

    def __init__(
        self,
        redis: StoreRedis,
        number_keys: KeyRing,
        *,
        caps: bool = True,
        cipher: PayloadCipher = PLAIN,
        traces: EnqueueTraces = UNTRACED,
    ) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._newest_key, self._older_keys = number_keys.newest, number_keys.older
        self._caps, self._cipher, self._traces = caps, cipher, traces
        self._record = Script(redis, __name__, "outbox.lua", (*PRELUDES, _COUNTS), durable=True)
        self._clock = StoreClock(redis)
        keys = redis.store_keys
        first = keys.agenda, keys.events, keys.place, keys.limits
        self._shared = (*first, keys.suppressed, keys.halts, keys.codes, keys.campaigns, keys.counts, keys.refused)

    def now(self) -> int:
        """The store's clock (ms); raises ``StoreUnavailable``."""
        return self._clock.now()

    def record(self, messages: Sequence[Message], wake_up: WakeUp | None = None) -> list[Recorded]:
        """Record every message in one round trip; raises ``StoreUnavailable``."""
        draft = self.draft(messages, wake_up)
        with draft.spans:
            return draft.recorded(self._record.run_many(draft.calls))

    def draft(self, messages: Sequence[Message], wake_up: WakeUp | None = None) -> "Draft":
        """Prepare messages for recording: all the work that does not need the store.

        With ``wake_up``, allowed only if the store is also the broker, recording also publishes the tasks. A task that includes a
        message which needs no attempt now is not published; its other messages still have to be (``Recorded.wake``).
        """
        spans = self._traces.begin(messages)
        messages = spans.messages
        parts = [messages[start : start + PER_CALL] for start in range(0, len(messages), PER_CALL)]
        fingerprints = [[self._fingerprints(message) for message in part] for part in parts]
        calls = [self._call(part, of_part, wake_up) for part, of_part in zip(parts, fingerprints, strict=True)]
        return Draft(parts, fingerprints, calls, wake_up is not None, spans)

    @property
    def script(self) -> str:
        """Lua source of the script that ``commands`` runs."""
        return self._record.source

    def commands(self, draft: "Draft") -> list[tuple[Any, ...]]:
        """The draft as commands to send on a connection; ``Draft.recorded`` reads the answers."""
        return self._record.commands(draft.calls)

    def begin(self, draft: "Draft") -> Callable[[], list[Recorded]]:
        """Send the draft to the store without waiting. The caller must call the returned function, which waits for the result."""
        pending = self._record.begin(draft.calls)

        def recorded() -> list[Recorded]:
            with draft.spans:
                return draft.recorded(pending.answers())

        return recorded

    def close(self) -> None:
        """Release every connection, and export what is left of traces."""
        self._redis.close()
        self._traces.close()

    def _call(self, messages: Sequence[Message], fingerprints: Sequence[_Fingerprints], wake_up: WakeUp | None) -> Call:
        lanes = list(dict.fromkeys(message.lane for message in messages))
        campaigns = list(dict.fromkeys(f"{message.app}/{message.campaign}" for message in messages if message.campaign))
        keys = self._keys
        script_keys = [*self._shared, *map(keys.outbox, lanes)]
        rows = []
        for message, of_message in zip(messages, fingerprints, strict=True):
            digests = self._digests(message)
            script_keys += (keys.message(message.message_id), keys.payload(message.message_id), *keys.numbers(digests[0]))
            if message.lane is Lane.OTP:
                script_keys += map(keys.caps, digests)
            payload = self._cipher.seal(PAYLOAD, message.message_id, message.payload())
            rows.append(_row(message, payload, of_message, digests))
        script_keys += [key for name in campaigns for key in (keys.campaign(name), keys.campaign_ids(name))]
        tasks = [] if wake_up is None else [wake_up(lane, _ids(messages, lane)) for lane in lanes]
        fixed: list[str | int | float] = [EVENTS_CAP, _json(lanes), _json(rows), int(self._caps), _json(campaigns), DEFAULT_APP]
        return Call([*script_keys, *(task.queue for task in tasks)], [*fixed, *map(envelope, tasks)])

    def _fingerprints(self, message: Message) -> _Fingerprints:
        """The second and further ones recognise a record that was made with an older key."""
        newest = message.fingerprint(self._newest_key)
        if not (newest and self._older_keys):
            return (newest,)
        return (newest, *(message.fingerprint(key) for key in self._older_keys))

    def _digests(self, message: Message) -> _Digests:
        """The second and further ones find what was counted, or suppressed, with an older key."""
        newest = recipient_digest(self._newest_key, message.to)
        return (newest, *(recipient_digest(key, message.to) for key in self._older_keys)) if self._older_keys else (newest,)


@dataclass(frozen=True, slots=True)
class Draft:
    """Messages prepared for recording: for each script call, its messages and their fingerprints."""

    parts: Sequence[Sequence[Message]]
    fingerprints: Sequence[Sequence[_Fingerprints]]
    calls: Sequence[Call]
    publishes: bool  # the calls include the tasks
    spans: EnqueueSpans  # entered by whoever waits for the answers

    def recorded(self, answers: Sequence[Iterable[str]]) -> list[Recorded]:
        """What happened to each message, from the script's answers."""
        recorded: list[Recorded] = []
        for messages, fingerprints, answer in zip(self.parts, self.fingerprints, answers, strict=True):
            part = _recorded(messages, fingerprints, answer)
            recorded += _published(part) if self.publishes else part
        self.spans.recorded(recorded)
        return recorded


def _recorded(messages: Sequence[Message], fingerprints: Sequence[_Fingerprints], answer: Iterable[str]) -> list[Recorded]:
    """What one run of the script did; its answer lists only the messages that were not simply recorded and queued."""
    recorded = [Recorded(message, new=True, same=True, wake=True) for message in messages]
    for line in answer:
        place, new, known, state = line.split("|", 3)
        at = int(place)
        if new == "2":
            name, _, wait = state.rpartition("|")  # a signature may have a |
            barred = Barred(Bar(known), name)
            recorded[at] = Recorded(messages[at], new=False, same=True, wake=False, barred=barred, wait=int(wait))
            continue
        same = new == "1" or known in fingerprints[at]
        recorded[at] = Recorded(messages[at], new=new == "1", same=same, wake=state == State.QUEUED)
    return recorded


def _published(recorded: Sequence[Recorded]) -> list[Recorded]:
    """The same after a run that published tasks: only the lanes whose task the script skipped still have to be published."""
    skipped = {one.message.lane for one in recorded if not (one.wake and one.same)}
    return [one if one.message.lane in skipped else replace(one, wake=False) for one in recorded]


def _row(message: Message, payload: str, fingerprints: _Fingerprints, digests: _Digests) -> tuple[object, ...]:
    row = (
        message.message_id,
        payload,
        message.expires_at,
        "" if message.not_before is None else message.not_before,
        fingerprints if len(fingerprints) > 1 else fingerprints[0],
        message.lane,
        message.template,
        "" if message.app == DEFAULT_APP else message.app,
        digests if len(digests) > 1 else digests[0],
        message.reference or "",
    )
    plain = message.to.startswith(_MAINLAND) and not (message.signature or message.campaign or message.tags)
    if plain and not (message.ignores_window or message.test or message.traceparent):  # fast path: nearly all messages
        return row
    more = _more(message)
    return (*row, more) if more else row


def _more(message: Message) -> dict[str, object]:
    """What few messages have."""
    country = calling_code(message.to)
    fields = [part for key, value in message.tags for part in (TAG + key, value)]
    more = {
        "fields": [*fields, TRACEPARENT, message.traceparent] if message.traceparent else fields,
        "test": int(message.test),
        "sig": message.signature if message.lane is Lane.MARKETING else None,
        "cmp": message.campaign,
        "win": "0" if message.ignores_window else None,
        "cc": None if country == MAINLAND else country,
    }
    return {name: value for name, value in more.items() if value}


def _ids(messages: Sequence[Message], lane: Lane) -> list[str]:
    return [message.message_id for message in messages if message.lane is lane]

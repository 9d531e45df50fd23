"""Inbox: reports that were taken and are not applied yet, for the queue alone can lose one between a worker's pop and its note.

Enters: status events, before they are published. Leaves: the tasks to publish, each for up to ``BATCH`` reports; what still waits
for one message; and later word that events were applied.
Fails with ``StoreUnavailable``: then each event was recorded or not, and recording it again is harmless.
"""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from redis import Redis

from smsrelay.broker.task_message import STATUS, TaskMessage
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.store import keys
from smsrelay.store.connection import store_answers
from smsrelay.store.script import Call, Script

BATCH = 50  # reports a task
_Part = TypeVar("_Part")
_AT_ONCE = 500  # reports a call of Lua, which holds the store for a millisecond


class Inbox:
    """Every report not applied yet; safe to share between threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._record = Script(redis, __name__, "inbox.lua")
        self._applied = Script(redis, __name__, "applied.lua")

    def record(self, events: Sequence[StatusEvent]) -> list[TaskMessage]:
        """Record reports in one round trip; returns the tasks that apply them."""
        calls, tasks = _recording(events)
        self._record.run_many(calls)
        return tasks

    @property
    def script(self) -> str:
        """Source of the script that records."""
        return self._record.source

    def recording(self, events: Sequence[StatusEvent]) -> tuple[list[tuple[Any, ...]], list[TaskMessage]]:
        """What ``record`` sends, as commands for a connection, and what it returns; nothing is sent here."""
        calls, tasks = _recording(events)
        return self._record.commands(calls), tasks

    def tasks(self, report_keys: Sequence[str]) -> list[TaskMessage]:
        """The tasks of reports that are still here, to be published again."""
        events = self._read(report_keys)
        return _status_tasks(events, [event.encode_text() for event in events])

    def waiting(self, message_id: str, external_id: str | None) -> list[StatusEvent]:
        """The reports on one message that are not applied yet, in one round trip when there is none."""
        begins = [_key_of(message_id)] + ([_key_of("", "", external_id)] if external_id else [])
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for begin in begins:
                pipeline.zrangebylex(keys.REPORTS_KEYS, f"[{begin}|", f"({begin}}}")  # } follows | in ASCII
            found = [key for some in pipeline.execute() for key in some]
        return self._read(found)

    def applied(self, events: Sequence[StatusEvent], in_turn: bool = True) -> None:
        """Let go of reports, in one round trip. ``in_turn``: the queue brought them, and so those before them as well."""
        named = [keys.REPORTS, keys.REPORTS_OUTBOX, keys.REPORTS_TAKEN, keys.REPORTS_KEYS]
        done = [report_key(event) for event in events]
        self._applied.run_many([Call(named, [int(in_turn), *part]) for part in _parts(done, _AT_ONCE)])

    def _read(self, report_keys: Sequence[str]) -> list[StatusEvent]:
        if not report_keys:
            return []
        with store_answers():
            found = self._redis.hmget(keys.REPORTS, list(report_keys))
        return [StatusEvent.decode(json.loads(wire)) for wire in found if wire is not None]


def report_key(event: StatusEvent) -> str:
    """The same for the same report, however often the vendor sends it; begins with what it is looked for by."""
    return _key_of(event.message_id or "", event.attempt or "", event.external_id or "", event.code, event.updated_on or "")


def _recording(events: Sequence[StatusEvent]) -> tuple[list[Call], list[TaskMessage]]:
    named = [keys.REPORTS, keys.REPORTS_OUTBOX, keys.PLACE, keys.REPORTS_KEYS]
    texts = [event.encode_text() for event in events]  # once, for the store and for the queue
    pairs = [part for event, text in zip(events, texts, strict=True) for part in (report_key(event), text)]
    return [Call(named, part) for part in _parts(pairs, 2 * _AT_ONCE)], _status_tasks(events, texts)


def _status_tasks(events: Sequence[StatusEvent], texts: Sequence[str]) -> list[TaskMessage]:
    """The tasks that apply reports, in their order."""
    return [_status_task(*parts) for parts in zip(_parts(events, BATCH), _parts(texts, BATCH), strict=True)]


def _status_task(events: Sequence[StatusEvent], texts: Sequence[str]) -> TaskMessage:
    shown = ", ".join(f"{event.message_id or 'by external id'}/{event.attempt or '?'} {event.code}" for event in events)
    return TaskMessage(name=STATUS, queue=STATUS_QUEUE, kwargs=f'{{"events": [{", ".join(texts)}]}}', shown=shown)


def _key_of(*parts: str | int) -> str:
    return "|".join(map(str, parts))


def _parts(whole: Sequence[_Part], size: int) -> list[Sequence[_Part]]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]

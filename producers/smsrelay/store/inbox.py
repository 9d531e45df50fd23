"""Inbox: reports that were received and are not applied yet.

Every report is recorded here before it is published, because the queue alone can lose one between a worker's pop and the broker's
record of the delivery. A worker removes it once it is applied. Raises ``StoreUnavailable``: then some of the events may have been
recorded, and recording them again is harmless.
"""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from smsrelay.broker.task_message import STATUS, TaskMessage
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay.store.script import Call, Script

BATCH = 50  # reports per task
_Part = TypeVar("_Part")
_PER_CALL = 500  # reports per run of a script, which blocks the store for a millisecond


class Inbox:
    """Every report that is not applied yet; safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys
        both = redis.store_keys.reports, redis.store_keys.reports_outbox
        self._record_keys = (*both, redis.store_keys.place, redis.store_keys.reports_keys)
        self._remove_keys = (*both, redis.store_keys.reports_taken, redis.store_keys.reports_keys, redis.store_keys.counts)
        self._record = Script(redis, __name__, "inbox.lua", durable=True)
        self._remove = Script(redis, __name__, "inbox_remove.lua")

    def record(self, events: Sequence[StatusEvent]) -> list[TaskMessage]:
        """Record reports in one round trip; returns the tasks that apply them, each up to ``BATCH`` reports."""
        calls, tasks = _record_calls(self._record_keys, events)
        self._record.run_many(calls)
        return tasks

    @property
    def script(self) -> str:
        """Source of the script behind ``record_commands``, for ``SCRIPT LOAD``."""
        return self._record.source

    def record_commands(self, events: Sequence[StatusEvent]) -> tuple[list[tuple[Any, ...]], list[TaskMessage]]:
        """The commands that ``record`` would send, and the tasks it would return. Sends nothing."""
        calls, tasks = _record_calls(self._record_keys, events)
        return self._record.commands(calls), tasks

    def tasks(self, report_keys: Sequence[str]) -> list[TaskMessage]:
        """Tasks for those of the reports that are still here, to publish again."""
        events = self._read(report_keys)
        return _status_tasks(events, [event.encode_text() for event in events])

    def waiting(self, message_id: str, external_id: str | None) -> list[StatusEvent]:
        """The reports on one message that are not applied yet; a single round trip when there is none."""
        prefixes = [_key_of(message_id)] + ([_key_of("", "", external_id)] if external_id else [])
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for prefix in prefixes:
                pipeline.zrangebylex(self._keys.reports_keys, f"[{prefix}|", f"({prefix}}}")  # } follows | in ASCII
            found = [key for some in pipeline.execute() for key in some]
        return self._read(found)

    def remove(self, events: Sequence[StatusEvent], in_turn: bool = True, results: Sequence[str] = ()) -> None:
        """Remove reports that were applied, in one round trip; each that was still here is counted by its result.

        ``in_turn``: they came from the queue in order, so those before them must have come as well; if not, the queue lost them.
        ``results``: what each came to; one that is empty does not count, and without them none does.
        """
        each = zip(events, results or [""] * len(events), strict=True)
        done = [part for event, result in each for part in (report_key(event), result)]
        self._remove.run_many([Call(self._remove_keys, [int(in_turn), *part]) for part in _parts(done, 2 * _PER_CALL)])

    def _read(self, report_keys: Sequence[str]) -> list[StatusEvent]:
        if not report_keys:
            return []
        with store_answers():
            found = self._redis.hmget(self._keys.reports, list(report_keys))
        return [StatusEvent.decode(json.loads(wire)) for wire in found if wire is not None]


def report_key(event: StatusEvent) -> str:
    """The key of a report: the same however often the vendor sends it. It begins with the ids it is looked up by."""
    return _key_of(event.message_id or "", event.attempt or "", event.external_id or "", event.code, event.updated_on or "")


def _record_calls(script_keys: Sequence[str], events: Sequence[StatusEvent]) -> tuple[list[Call], list[TaskMessage]]:
    texts = [event.encode_text() for event in events]  # encoded once, for the store and for the queue
    pairs = [part for event, text in zip(events, texts, strict=True) for part in (report_key(event), text)]
    return [Call(script_keys, part) for part in _parts(pairs, 2 * _PER_CALL)], _status_tasks(events, texts)


def _status_tasks(events: Sequence[StatusEvent], texts: Sequence[str]) -> list[TaskMessage]:
    """The tasks that apply these reports, in order."""
    return [_status_task(*parts) for parts in zip(_parts(events, BATCH), _parts(texts, BATCH), strict=True)]


def _status_task(events: Sequence[StatusEvent], texts: Sequence[str]) -> TaskMessage:
    shown = ", ".join(f"{event.message_id or 'by external id'}/{event.attempt or '?'} {event.code}" for event in events)
    return TaskMessage(name=STATUS, queue=STATUS_QUEUE, kwargs=f'{{"events": [{", ".join(texts)}]}}', shown=shown)


def _key_of(*parts: str | int) -> str:
    return "|".join(map(str, parts))


def _parts(whole: Sequence[_Part], size: int) -> list[Sequence[_Part]]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]

"""Inbox: reports that were taken and are not applied yet, for the queue alone can lose one between a worker's pop and its note.

Enters: status events, before they are published. Leaves: the tasks to publish, and later word that an event was applied.
Fails with ``StoreUnavailable``: then each event was recorded or not, and recording it again is harmless.
"""

import json
from collections.abc import Sequence

from redis import Redis

from producers import keys
from producers.connection import store_answers
from producers.event import StatusEvent
from producers.lanes import STATUS_QUEUE
from producers.script import Call, Script
from producers.task import STATUS, TaskMessage


class Inbox:
    """Every report not applied yet; safe to share between threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._record = Script(redis, "producers", "inbox.lua")
        self._applied = Script(redis, "producers", "applied.lua")

    def record(self, events: Sequence[StatusEvent]) -> list[TaskMessage]:
        """Record reports in one round trip; returns the tasks that apply them."""
        named = [keys.REPORTS, keys.REPORTS_OUTBOX, keys.PLACE]
        self._record.run_many([Call(named, [report_key(event), json.dumps(event.encode())]) for event in events])
        return [status_task(event) for event in events]

    def tasks(self, report_keys: Sequence[str]) -> list[TaskMessage]:
        """The tasks of reports that are still here, to be published again."""
        if not report_keys:
            return []
        with store_answers():
            found = self._redis.hmget(keys.REPORTS, list(report_keys))
        return [status_task(StatusEvent.decode(json.loads(wire))) for wire in found if wire is not None]

    def applied(self, event: StatusEvent) -> None:
        """Let go of a report."""
        self._applied.run([keys.REPORTS, keys.REPORTS_OUTBOX, keys.REPORTS_TAKEN], [report_key(event)])


def report_key(event: StatusEvent) -> str:
    """The same for the same report, however often the vendor sends it."""
    named = (event.message_id or "", event.attempt or "", event.external_id or "", event.code, event.updated_on or "")
    return "|".join(str(part) for part in named)


def status_task(event: StatusEvent) -> TaskMessage:
    """The task that applies a report."""
    shown = f"code {event.code} attempt {event.attempt or '?'} · {event.message_id or 'by external id'}"
    return TaskMessage(name=STATUS, queue=STATUS_QUEUE, kwargs={"event": event.encode()}, shown=shown)

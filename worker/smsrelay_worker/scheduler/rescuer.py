"""Rescuer: finds tasks that were published and never arrived, and publishes them again.

A queue can lose a task: between a worker's pop and its note of it, with a worker's memory, or with the broker. A wake-up stays in
the outbox of its lane, and a report in the inbox, until it is taken; one that others overtook by more than the grace period is
lost. Every worker process looks, because publishing twice is harmless.
Raises ``StoreUnavailable`` or ``BrokerUnavailable``; the next look finds again what this one could not publish.
"""

from collections.abc import Callable

import structlog

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.enqueue import Enqueuer
from smsrelay.store.inbox import Inbox
from smsrelay_worker.store.lost_tasks import LostTasks

GRACE = 10.0  # seconds after which a task that later ones have overtaken counts as lost
_AT_MOST = 500  # at a time

log = structlog.get_logger()


class Rescuer:
    """Looks for lost tasks; safe to share between threads."""

    def __init__(self, lost: LostTasks, enqueuer: Enqueuer, inbox: Inbox, publisher: Publisher, grace: float = GRACE) -> None:
        self._lost = lost
        self._enqueuer = enqueuer
        self._inbox = inbox
        self._publisher = publisher
        self._grace = grace

    def find(self) -> int:
        """Publish lost tasks again; returns how many. Raises ``StoreUnavailable`` or ``BrokerUnavailable``."""
        return sum(self._find_in(lane) for lane in Lane) + self._find_reports()

    def _find_in(self, lane: Lane) -> int:
        def take(empty: bool) -> list[str]:
            return self._lost.take(lane, self._grace, _AT_MOST, empty)

        return self._again(lane.queue, take, lambda lost: self._enqueuer.publish(lane, lost))

    def _find_reports(self) -> int:
        def take(empty: bool) -> list[str]:
            return self._lost.take_reports(self._grace, _AT_MOST, empty)

        return self._again(STATUS_QUEUE, take, lambda lost: self._publisher.publish_many(self._inbox.tasks(lost)))

    def _again(self, queue: str, take: Callable[[bool], list[str]], publish: Callable[[list[str]], None]) -> int:
        empty, found = self._publisher.queue_length(queue) == 0, 0
        while lost := take(empty):
            log.warning("lost in the queue and published again", queue=queue, tasks=len(lost))
            publish(lost)
            found += len(lost)
        return found

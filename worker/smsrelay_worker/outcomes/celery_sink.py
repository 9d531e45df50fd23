"""CeleryQueue: publishes events as tasks to one app's own queue, many in one flush.

An event is the task's only positional argument. It goes to the default exchange; the queue is the app's, and is not declared. A
publish is confirmed: a queue that RabbitMQ does not have, or a broker that does not answer, is a failed delivery. Never raises.
"""

import json
from collections.abc import Callable, Sequence

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import TaskMessage
from smsrelay.servers.time_limit import time_limit
from smsrelay_worker.outcomes.answer import Answer, Verdict, failed
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.store.sinks.outcomes import TELLING

_CONNECTIONS = 2
_TAKEN = Answer(Verdict.TAKEN, "published")
_encode = json.JSONEncoder(ensure_ascii=False).encode


class CeleryQueue:
    """One app's queue and task."""

    at_once = 1
    batch = 200
    claims = 2 * batch

    def __init__(self, broker_url: str, queue: str, task: str, publisher: Callable[[str], Publisher] | None = None) -> None:
        self._publisher = (publisher or _foreign_queues)(broker_url)
        self._queue = queue
        self._task = task

    def deliver(self, events: Sequence[Event]) -> list[Answer]:
        """Publish all events, or none is counted as taken; an answer for each."""
        try:
            with time_limit(TELLING):
                self._publisher.publish_many(self._message(event) for event in events)
        except BrokerUnavailable as error:
            return [failed(str(error))] * len(events)
        return [_TAKEN] * len(events)

    def close(self) -> None:
        """Release the connections."""
        self._publisher.close()

    def _message(self, event: Event) -> TaskMessage:
        shown = f"('<{event.content['type']} {event.id}>',)"
        return TaskMessage(self._task, self._queue, {}, shown, event.id, f"[{_encode(event.task_argument)}]")


def _foreign_queues(broker_url: str) -> Publisher:
    return Publisher(broker_url, _CONNECTIONS, own_queues=False)

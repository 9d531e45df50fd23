"""CeleryQueue: publishes events as tasks to one app's own queue, many in one flush.

An event is the task's only positional argument. It goes to the default exchange; the queue is the app's, and is not declared. A
publish is confirmed: a queue that RabbitMQ does not have, a broker that does not answer, and too few replicas where it waits for
some are failed deliveries. Never raises.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import TaskMessage
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.store_address import StoreAddress
from smsrelay.servers.time_limit import time_limit
from smsrelay.store.replicated_publisher import ReplicatedPublisher
from smsrelay_worker.outcomes.answer import Answer, Verdict, failed
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.store.sinks.outcomes import TELLING

_CONNECTIONS = 2
_TAKEN = Answer(Verdict.TAKEN, "published")
_encode = json.JSONEncoder(ensure_ascii=False).encode


class TaskPublisher(Protocol):
    """Publishes tasks, or raises ``BrokerUnavailable``."""

    def publish_many(self, messages: Iterable[TaskMessage], /) -> None:
        """Publish all of them; each may be there even if it raises."""

    def close(self) -> None:
        """Release every connection."""


class CeleryQueue:
    """One app's queue and task."""

    at_once = 1
    batch = 200
    claims = 2 * batch

    def __init__(self, publisher: TaskPublisher, queue: str, task: str) -> None:
        self._publisher = publisher
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


def queue_publisher(broker_url: str, store: StoreAddress) -> TaskPublisher:
    """Publishes to apps' queues at a broker. On the servers of the store, a task counts once as many replicas have it as there.

    Other servers may have no replicas to wait for.
    """
    if store.replicas and not is_rabbitmq(broker_url) and RedisAddress.of(broker_url).same_servers(store.redis):
        return ReplicatedPublisher(replace(store, url=broker_url), _CONNECTIONS)
    return Publisher(broker_url, _CONNECTIONS, own_queues=False)

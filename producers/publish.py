"""Publisher: puts task messages on the broker, one at a time or many in one flush.

Enters: ``TaskMessage`` values. Leaves: nothing; when a call returns, the broker has them.
Fails with ``BrokerUnavailable``: then none, some or all of them were published, and the caller's record says what is still owed.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from kombu import Connection, Exchange, Queue
from kombu.exceptions import KombuError, LimitExceeded
from kombu.pools import ProducerPool

from producers.lanes import STATUS_QUEUE, Lane
from producers.task import TaskMessage

QUEUES = (*(lane.queue for lane in Lane), STATUS_QUEUE)
_DEFAULT_EXCHANGE = Exchange("")  # a named one costs four tenths of the publish speed on Redis


_PATIENCE = 10  # seconds to wait for a connection of the pool


class BrokerUnavailable(ConnectionError):
    """The broker did not answer; what was to be published may or may not be there."""


def broker_queue(name: str) -> Queue:
    """The queue as both ends declare it."""
    return Queue(name, _DEFAULT_EXCHANGE, routing_key=name)


def transport_options(broker_url: str, connections: int) -> dict[str, Any]:
    """Transport options that every process on one broker shares, Flower included.

    The shortest visibility timeout among all consumers wins, so it stands in one place only.
    """
    if broker_url.startswith("amqp"):
        return {"confirm_publish": True}  # durable only once RabbitMQ says so
    return {
        "visibility_timeout": 120,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "max_connections": connections + 100,  # fewer fail acks under load
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
    }


class Publisher:
    """Publishes to the default exchange over a small pool of connections; safe to share between threads."""

    def __init__(self, broker_url: str, connections: int = 8) -> None:
        options = transport_options(broker_url, connections)
        self._connection = Connection(broker_url, transport_options=options, connect_timeout=5)
        self._connections = self._connection.Pool(connections)
        self._producers = ProducerPool(self._connections, limit=connections)

    def publish(self, message: TaskMessage) -> None:
        """Publish one task; raises ``BrokerUnavailable``."""
        self.publish_many([message])

    def publish_many(self, messages: Iterable[TaskMessage]) -> None:
        """Publish several tasks in one flush; raises ``BrokerUnavailable``."""
        with self._broker_answers(), self._producers.acquire(block=True, timeout=_PATIENCE) as producer, producer.batch():
            for message in messages:
                producer.publish(
                    message.body,
                    routing_key=message.queue,
                    exchange="",
                    headers=message.headers,
                    serializer="json",
                    correlation_id=message.task_id,
                    declare=[broker_queue(message.queue)],
                    delivery_mode=2,
                    retry=False,
                )

    def queue_length(self, name: str) -> int:
        """How many tasks wait in a queue, workers' prefetched ones not counted; raises ``BrokerUnavailable``."""
        with self._broker_answers(), self._producers.acquire(block=True, timeout=_PATIENCE) as producer:
            return int(broker_queue(name)(producer.channel).queue_declare().message_count)

    def reachable(self) -> bool:
        """Whether the broker answers right now."""
        try:
            self.queue_length(STATUS_QUEUE)
        except BrokerUnavailable:
            return False
        return True

    @contextmanager
    def _broker_answers(self) -> Iterator[None]:
        try:
            yield
        except (KombuError, LimitExceeded, *self._connection.connection_errors, *self._connection.channel_errors) as error:
            raise BrokerUnavailable(f"the broker did not answer ({type(error).__name__})") from None

    def close(self) -> None:
        """Release every connection."""
        self._producers.force_close_all()
        self._connections.force_close_all()
        self._connection.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

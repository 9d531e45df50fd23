"""Publishes task messages to the broker, one at a time or many in one flush.

When a call returns, the broker has the tasks. It raises ``BrokerUnavailable`` when none, some or all of them were published; the
caller's record says which are still to be published.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any, Self

from kombu import Connection
from kombu.exceptions import KombuError
from kombu.pools import ProducerPool
from redis.exceptions import RedisError

from smsrelay.broker.confirm import Confirms, Unconfirmed
from smsrelay.broker.queues import broker_queue, transport_options
from smsrelay.broker.rabbitmq_connector import RabbitMQConnector
from smsrelay.broker.rabbitmq_nodes import RabbitMQNodes
from smsrelay.broker.redis_transport import OneClientTransport
from smsrelay.broker.task_message import TaskMessage
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.servers.access_denied import explain, why_denied
from smsrelay.servers.broker_address import broker_address, is_rabbitmq
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.redis_errors import needs_new_connection, why_unavailable
from smsrelay.servers.time_limit import time_left

_PATIENCE = 5.0  # seconds to wait for a connection of the pool, and for RabbitMQ's answers
_CONNECT = 5.0  # seconds to wait for a new connection


class BrokerUnavailable(ConnectionError):
    """The broker did not answer; what was to be published may or may not be there."""


class Publisher:
    """Publishes to the default exchange over a small pool of connections; safe to share between threads.

    A time limit in force (``servers.time_limit``) bounds every wait for the broker, a new connection included.
    """

    def __init__(self, broker_url: str, connections: int = 8, *, own_queues: bool = True) -> None:
        """``own_queues=False``: the queues are another app's, which declares them itself.

        On RabbitMQ, publishing to a queue that does not exist then raises ``BrokerUnavailable``.
        """
        self._url, address = broker_url, broker_address(broker_url)
        self._own_queues = own_queues
        options = transport_options(broker_url, connections)
        if not is_rabbitmq(broker_url):
            options |= {"max_retries": 1, "interval_start": 0.1, "interval_step": 0.1}  # the outbox waits, not the app
        self._connection = open_broker(broker_url, options)
        self._connections = self._connection.Pool(connections)
        self._producers = ProducerPool(self._connections, limit=connections)
        self._confirms = Confirms()
        self._connector = RabbitMQConnector(RabbitMQNodes(address.kombu_url)) if is_rabbitmq(broker_url) else None

    def publish(self, message: TaskMessage) -> None:
        """Publish one task; raises ``BrokerUnavailable``."""
        self.publish_many([message])

    def publish_many(self, messages: Iterable[TaskMessage]) -> None:
        """Publish several tasks in one flush; raises ``BrokerUnavailable``."""
        tasks = list(messages)
        if not tasks:
            return  # otherwise this would wait for a broker that is away, for nothing
        with self._producer() as producer:
            if self._connector is not None:
                self._publish_confirmed(producer, tasks, self._connector)
            else:
                self._publish_batch(producer, tasks)

    def queue_length(self, name: str) -> int:
        """Tasks waiting in a queue, not counting those that workers have prefetched; raises ``BrokerUnavailable``."""
        with self._producer() as producer:
            queue = broker_queue(name, self._url)(producer.channel)
            return _counted(queue) or int(is_rabbitmq(self._url) and _holds_a_task(queue))

    def look(self) -> None:
        """Check that the broker answers; raises ``BrokerUnavailable``."""
        with self._producer() as producer:
            _counted(broker_queue(STATUS_QUEUE, self._url)(producer.channel))

    def reachable(self) -> bool:
        """Whether the broker answers right now."""
        try:
            self.look()
        except BrokerUnavailable:
            return False
        return True

    def close(self) -> None:
        """Release every connection."""
        self._producers.force_close_all()
        self._connections.force_close_all()
        self._connection.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _publish_batch(self, producer: Any, tasks: Sequence[TaskMessage]) -> None:
        if len(tasks) == 1:
            return self._put(producer, tasks[0])
        with _batch(producer):
            for task in tasks:
                self._put(producer, task)
        return None

    def _publish_confirmed(self, producer: Any, tasks: Sequence[TaskMessage], connector: RabbitMQConnector) -> None:
        """Publish and wait for RabbitMQ's confirms; start over once when the connection had died while it was idle."""
        try:
            self._publish_and_wait(producer, tasks)
        except (TimeoutError, Unconfirmed):
            raise
        except self._connection.connection_errors:
            connection = producer.connection
            connector.failed(connection)
            connector.connect(connection)
            producer.revive(connection)
            self._publish_and_wait(producer, tasks)

    def _publish_and_wait(self, producer: Any, tasks: Sequence[TaskMessage]) -> None:
        channel = producer.channel
        bound_waits(channel.connection)
        self._confirms.expect(channel, len(tasks))
        for task in tasks:
            # mandatory: RabbitMQ returns a task for which there is no queue instead of dropping it.
            patience = time_left(_PATIENCE)
            declared = [broker_queue(task.queue, self._url)] if self._own_queues else []
            self._put(producer, task, mandatory=True, timeout=patience, declare=declared)
        self._confirms.wait(channel, _PATIENCE)

    def _put(self, producer: Any, task: TaskMessage, **options: Any) -> None:
        producer.publish(
            task.body,
            routing_key=task.queue,
            exchange="",
            headers=task.headers,
            content_type="application/json",
            content_encoding="utf-8",
            correlation_id=task.task_id,
            delivery_mode=2,
            retry=False,
            **options,
        )

    @contextmanager
    def _producer(self) -> Iterator[Any]:
        """A producer of the pool; when anything fails on it, its connection is replaced."""
        unanswered = (KombuError, *self._connection.connection_errors, *self._connection.channel_errors)
        try:
            with self._producers.acquire(block=True, timeout=time_left(_PATIENCE)) as producer:
                try:
                    if self._connector is not None:
                        self._connector.connect(producer.connection)
                    yield producer
                except BaseException as error:
                    self._replace_connection(producer.connection, error)
                    raise
        except unanswered as error:
            raise BrokerUnavailable(f"the broker did not answer ({_reason(error)})") from None

    def _replace_connection(self, connection: Any, error: BaseException) -> None:
        """Close the connection on which something failed, if only a new one is of use."""
        if self._connector is None:
            if needs_new_connection(_cause(error)):
                connection.collect()
        elif isinstance(error, Unconfirmed) or not isinstance(error, (KombuError, *self._connection.connection_errors)):
            connection.collect()  # the node is well
        else:
            self._connector.failed(connection)


def open_broker(broker_url: str, options: Mapping[str, Any]) -> Connection:
    """A connection to the broker, opened at its first use. A Unix socket's uses kombu's own transport, which its URL names."""
    if is_rabbitmq(broker_url):
        options = {**options, "on_open": bound_waits, "on_blocked": _blocked}
    address = broker_address(broker_url)
    own = OneClientTransport if isinstance(address, RedisAddress) and not address.socket else None
    tls = address.kombu_tls or False
    return Connection(address.kombu_url, ssl=tls, transport=own, transport_options=dict(options), connect_timeout=_CONNECT)


def _batch(producer: Any) -> AbstractContextManager[Any]:
    """Pipelines what is published inside, with kombu 5.7 or newer; an older one sends each task alone, which is slower."""
    return producer.batch() if hasattr(producer, "batch") else nullcontext()


def bound_waits(connection: Any) -> None:
    """Bounds every wait for RabbitMQ on this connection; amqp itself waits for a call's answer for ever."""
    connection.transport.sock.settimeout(time_left(_PATIENCE))


def _blocked(_reason: str) -> None:
    """RabbitMQ reports that its memory or disk alarm is on; until it is off, RabbitMQ takes nothing from publishers."""
    raise Unconfirmed("RabbitMQ's memory or disk alarm is on")


def _counted(queue: Any) -> int:
    return int(queue.queue_declare().message_count)


def _holds_a_task(queue: Any) -> bool:
    """Whether a queue that RabbitMQ counts as empty holds a task after all: without a leader, as after a restart, it counts 0.

    Only the leader answers a request for a task. A task that comes is put back in its place.
    """
    task = queue.get()
    if task is None:
        return False
    task.reject(requeue=True)
    return True


def _cause(error: BaseException) -> BaseException:
    """What kombu has wrapped, such as why a batch failed."""
    while isinstance(error, KombuError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _reason(error: BaseException) -> str:
    """What went wrong, without anything of the tasks; RabbitMQ's own text names a queue and its arguments at most."""
    error = _cause(error)
    if isinstance(error, RedisError):
        return explain(error, why_unavailable(error) or "Redis refuses what is published")
    if kept_out := why_denied(error):
        return kept_out
    said = str(error) if isinstance(error, Unconfirmed) else getattr(error, "reply_text", None)
    return str(said or type(error).__name__)

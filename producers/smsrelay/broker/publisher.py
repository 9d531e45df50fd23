"""Publisher: puts task messages on the broker, one at a time or many in one flush.

Enters: ``TaskMessage`` values. Leaves: nothing; when a call returns, the broker has them.
Fails with ``BrokerUnavailable``: then none, some or all of them were published, and the caller's record says what is still owed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from kombu import Connection
from kombu.exceptions import KombuError
from kombu.pools import ProducerPool
from redis.exceptions import RedisError

from smsrelay.broker.confirm import Confirms, Unconfirmed
from smsrelay.broker.queues import broker_queue, transport_options
from smsrelay.broker.redis_transport import OneClientTransport
from smsrelay.broker.task_message import TaskMessage
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.servers.access_denied import explain, why_denied
from smsrelay.servers.broker_address import broker_address, is_rabbitmq
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.redis_errors import why_unavailable

_PATIENCE = 10  # seconds to wait for a connection of the pool, and for RabbitMQ's confirm


class BrokerUnavailable(ConnectionError):
    """The broker did not answer; what was to be published may or may not be there."""


class Publisher:
    """Publishes to the default exchange over a small pool of connections; safe to share between threads."""

    def __init__(self, broker_url: str, connections: int = 8) -> None:
        self._url = broker_url
        options = transport_options(broker_url, connections)
        if not is_rabbitmq(broker_url):
            options |= {"max_retries": 1, "interval_start": 0.1, "interval_step": 0.1}  # the outbox waits, not the app
        self._connection = open_broker(broker_url, options)
        self._connections = self._connection.Pool(connections)
        self._producers = ProducerPool(self._connections, limit=connections)
        self._confirms = Confirms()

    def publish(self, message: TaskMessage) -> None:
        """Publish one task; raises ``BrokerUnavailable``."""
        self.publish_many([message])

    def publish_many(self, messages: Iterable[TaskMessage]) -> None:
        """Publish several tasks in one flush; raises ``BrokerUnavailable``."""
        tasks = list(messages)
        if not tasks:
            return  # else a broker that is away would be waited for in vain
        with self._producer() as producer:
            if is_rabbitmq(self._url):
                self._publish_confirmed(producer, tasks)
            else:
                self._publish_batch(producer, tasks)

    def queue_length(self, name: str) -> int:
        """How many tasks wait in a queue, workers' prefetched ones not counted; raises ``BrokerUnavailable``."""
        with self._producer() as producer:
            queue = broker_queue(name, self._url)(producer.channel)
            return _counted(queue) or int(is_rabbitmq(self._url) and _holds_a_task(queue))

    def look(self) -> None:
        """Ask the broker something; raises ``BrokerUnavailable``."""
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
        with producer.batch():
            for task in tasks:
                self._put(producer, task)
        return None

    def _publish_confirmed(self, producer: Any, tasks: Sequence[TaskMessage]) -> None:
        """Publish and wait for RabbitMQ's word; once more from the start when the connection had died while it lay idle."""
        try:
            self._publish_and_wait(producer, tasks)
        except (TimeoutError, Unconfirmed):
            raise
        except self._connection.connection_errors:
            connection = producer.connection
            connection.collect()
            producer.revive(connection)
            self._publish_and_wait(producer, tasks)

    def _publish_and_wait(self, producer: Any, tasks: Sequence[TaskMessage]) -> None:
        channel = producer.channel
        self._confirms.expect(channel, len(tasks))
        for task in tasks:
            # mandatory: a task for which there is no queue comes back in place of vanishing.
            self._put(producer, task, mandatory=True, timeout=_PATIENCE, declare=[broker_queue(task.queue, self._url)])
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
            with self._producers.acquire(block=True, timeout=_PATIENCE) as producer:
                try:
                    yield producer
                except BaseException:
                    if is_rabbitmq(self._url):
                        producer.connection.collect()  # closing it in order would wait for a RabbitMQ that may not listen
                    raise
        except unanswered as error:
            raise BrokerUnavailable(f"the broker did not answer ({_reason(error)})") from None


def open_broker(broker_url: str, options: Mapping[str, Any]) -> Connection:
    """A connection to the broker, opened at its first use. A socket's keeps kombu's own transport: its URL names that one."""
    if is_rabbitmq(broker_url):
        options = {**options, "on_open": _impatient, "on_blocked": _blocked}
    address = broker_address(broker_url)
    own = OneClientTransport if isinstance(address, RedisAddress) and not address.socket else None
    tls = address.kombu_tls or False
    return Connection(address.kombu_url, ssl=tls, transport=own, transport_options=dict(options), connect_timeout=5)


def _impatient(connection: Any) -> None:
    """Bounds every wait for RabbitMQ on this connection; amqp has no bound for a call's answer."""
    connection.transport.sock.settimeout(_PATIENCE)


def _blocked(_reason: str) -> None:
    """RabbitMQ says that its memory or disk alarm is on: until it is over, it takes nothing from publishers."""
    raise Unconfirmed("RabbitMQ's memory or disk alarm is on")


def _counted(queue: Any) -> int:
    return int(queue.queue_declare().message_count)


def _holds_a_task(queue: Any) -> bool:
    """Whether a queue that is said to be empty is: RabbitMQ counts 0 as well while a queue has no leader, as after a restart.

    Asking for a task is answered by the leader only. One that is there goes back to its place.
    """
    task = queue.get()
    if task is None:
        return False
    task.reject(requeue=True)
    return True


def _reason(error: BaseException) -> str:
    """What went wrong, without anything of the tasks: RabbitMQ's own words name a queue and its arguments at most."""
    if isinstance(error, KombuError) and error.__cause__ is not None:  # a batch that failed, say
        return _reason(error.__cause__)
    if isinstance(error, RedisError):
        return explain(error, why_unavailable(error) or "Redis refuses what is published")
    if kept_out := why_denied(error):
        return kept_out
    said = str(error) if isinstance(error, Unconfirmed) else getattr(error, "reply_text", None)
    return str(said or type(error).__name__)

"""DeadLetteringConsumer: Celery's consumer, which keeps unreadable messages and survives a broker that fails or refuses.

Celery logs a message it cannot read whole and drops it, and kombu raises on one that is no envelope. It may be an SMS job with a
typing error, so it is kept in the store (``{sms}:undecodable``) for a person to look at, and the log names only queue, task and
reason. If the store is unavailable, it is requeued. A broker that refuses commands (full memory, too few replicas) does not end
the process either: the consumer reconnects.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import structlog
from celery.worker.consumer import Consumer
from kombu.exceptions import KombuError

from smsrelay.broker.publisher import bound_waits
from smsrelay.broker.rabbitmq_nodes import RabbitMQNodes
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.consumer.decompression import limit_decompression
from smsrelay_worker.consumer.queue_item import WRAPPED, why_unreadable
from smsrelay_worker.consumer.redis_transport import transport_with
from smsrelay_worker.consumer.unsent_acks import UnsentAcks
from smsrelay_worker.consumer.validation import loggable_id, why_invalid

log = structlog.get_logger()


_HEARTBEAT = 4  # seconds; a RabbitMQ silent for twice as long counts as disconnected, and so does a worker to RabbitMQ
_RECONNECT_PAUSE = 2  # seconds between tries to connect
_REQUEUE_PAUSE = 1.0  # seconds before a message that could not be kept is requeued
_REQUEUE_TIMEOUT = 5.0  # seconds, at shutdown, to requeue items that were popped and not recorded
_CONNECT_TIMEOUT = 4  # seconds; Celery's default


class DeadLetteringConsumer(Consumer):  # type: ignore[misc]
    """Passes on only messages that Celery can work with, and keeps all others."""

    def create_task_handler(self, **options: Any) -> Callable[[Any], None]:
        """The handler of received messages, which keeps those that Celery cannot work with.

        Celery would take the exception that such a message raises for a failure of its own, and end the worker. The message would
        then be redelivered and end the next worker.
        """
        receive = super().create_task_handler(**options)
        broker_errors = (*self.connection_errors, *self.channel_errors)  # not the message's fault
        channel = self.task_consumer.channel
        for name in ("basic_ack", "basic_reject"):
            setattr(channel, name, partial(self._ignoring_broker_errors, getattr(channel, name)))

        def on_task_received(message: Any) -> None:
            try:
                reason = _reason_to_keep(message)
                if reason is None:
                    receive(message)
            except broker_errors:
                raise
            except Exception as error:  # noqa: BLE001  whatever it is, a person has to look at the message
                reason = f"{type(error).__name__} before it became a task"
            if reason is not None and not message.acknowledged:
                self._keep(message, reason)

        return on_task_received

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """Without the step that declares 28 quorum queues for countdowns, which we never use; remote control is read-only."""

        default_steps: ClassVar = [
            "smsrelay_worker.consumer.remote_control:ReadOnlyControl" if step.endswith(":Control") else step
            for step in Consumer.Blueprint.default_steps
            if not step.endswith(":DelayedDelivery")
        ]

    def __init__(self, *args: Any, **options: Any) -> None:
        # For this connection only: Flower sends no heartbeats while it is busy with events, and would be disconnected.
        super().__init__(*args, **{**options, "amqheartbeat": _HEARTBEAT})
        # Celery has just unset it, to work around an old gevent. Without it, a host that does not answer would block for ever.
        self.app.conf.broker_connection_timeout = _CONNECT_TIMEOUT
        limit_decompression()
        # Of our own worker; one that was started with `celery -A smsrelay_worker.app worker` has no parent to tell.
        self._loop_turned: Callable[[bool], None] = getattr(self.controller, "loop_turned", lambda _consuming: None)
        self._unsent = UnsentAcks()
        self._transport = transport_with(self._unsent)
        self._nodes = RabbitMQNodes(self.app.conf.broker_url) if is_rabbitmq(self.app.conf.broker_url) else None
        self._outage_logged = False

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, trying every two seconds without end (Celery's pauses grow to half a minute).

        On Redis, by our transport; on RabbitMQ, to the node that answered last, or the next ones.
        """
        if self._nodes is None:
            conn.resolve_aliases = {self._transport: conn.transport_cls}  # the name shown in the log
            conn.transport_cls = self._transport
        else:
            conn.switch(self._nodes.first)
            conn.cycle = self._nodes
        self._outage_logged = False
        conn.ensure_connection = partial(self._try_to_connect, conn.ensure_connection)
        connected = super().ensure_connected(conn)
        if self._nodes is not None:
            bound_waits(connected.connection)  # else an event, or closing it, would wait for a silent RabbitMQ for ever
        return connected

    def _try_to_connect(self, connect: Callable[..., Any], *arguments: Any, callback: Callable[[], None], **options: Any) -> Any:
        """Call ``connect``, which calls ``callback`` between its tries."""

        def between_tries() -> None:
            self._loop_turned(False)
            callback()

        self._loop_turned(False)
        pauses = {"interval_start": _RECONNECT_PAUSE, "interval_step": 0, "interval_max": _RECONNECT_PAUSE}
        return connect(*arguments, callback=between_tries, **pauses, **options)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Reconnect; after a refused command only after a pause, because it would succeed at once and be refused again."""
        super().on_connection_error_after_connected(exc)
        if not isinstance(exc, self.connection_errors):
            time.sleep(_RECONNECT_PAUSE)
        elif self._nodes is not None:
            self._nodes.failed(self._nodes.first)

    def shutdown(self) -> None:
        """Shut down, and requeue items that were popped and could not be recorded as unacknowledged."""
        super().shutdown()
        until = time.monotonic() + _REQUEUE_TIMEOUT
        while self._unsent.popped and time.monotonic() < until:
            self._requeue_popped()
        for popped in self._unsent.popped:
            task_id = loggable_id(_task_id(popped.message.get("headers") or {}))
            log.error("popped task lost: the broker did not take it back", queue=popped.queue, task_id=task_id)

    def _requeue_popped(self) -> None:
        with self.app.connection_for_read() as connection:
            connection.transport_cls = self._transport
            try:
                connection.channel().close()  # which requeues them
            except (*connection.connection_errors, *connection.channel_errors) as error:
                self._unsent.failed(error)
        if self._unsent.popped:
            time.sleep(_REQUEUE_PAUSE)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Keep a message whose body is not what its content type says."""
        self._keep(message, "undecodable body")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        """Keep a message that is no Celery task."""
        self._keep(message, "no Celery task")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Keep a task with an unknown name."""
        self._keep(message, "unknown task name")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Keep a task that violates the protocol."""
        self._keep(message, "invalid task")

    def _keep(self, message: Any, reason: str) -> None:
        queue = str((message.delivery_info or {}).get("routing_key", ""))
        task_id = _task_id(message.headers or {})
        body = message.body if isinstance(message.body, bytes | str) else bytes(message.body or b"")
        try:
            kept_id = self.app.relay.undecodable.keep(queue, reason, body, task_id)
        except StoreUnavailable as error:
            log.error("unreadable task requeued", queue=queue, task_id=loggable_id(task_id), reason=str(error))
            self._after_pause(message.requeue)
            return
        log.error(
            "unreadable task kept as undecodable",
            queue=queue,
            task_id=loggable_id(task_id),
            kept_id=kept_id,
            reason=reason,
        )
        message.ack()

    def _after_pause(self, act: Callable[[], None]) -> None:
        """Call ``act`` after a pause, so that a message does not cycle at full speed while the store is unavailable."""
        if self.hub is None:
            time.sleep(_REQUEUE_PAUSE)
            act()
        else:
            self.hub.call_later(_REQUEUE_PAUSE, act)

    def _ignoring_broker_errors(self, acknowledge: Callable[..., None], *args: Any, **options: Any) -> None:
        """Acknowledge or reject. On a lost channel that fails, which is harmless: the broker redelivers the task.

        Kombu would log each such task as critical, with a traceback.
        """
        try:
            acknowledge(*args, **options)
        except (*self.connection_errors, *self.channel_errors) as error:
            if not self._outage_logged:
                log.warning("tasks not acknowledged: the broker was gone", reason=type(error).__name__)
            self._outage_logged = True


def _task_id(headers: Any) -> str | None:
    task_id = headers.get("id") if isinstance(headers, dict) else None
    return task_id if isinstance(task_id, str) else None


def _reason_to_keep(message: Any) -> str | None:
    headers = message.headers or {}
    if WRAPPED in headers:
        return why_unreadable(message.body)
    try:
        payload = message.payload
    except (KombuError, ValueError, LookupError):  # the latter two: an unknown content type or encoding
        return "undecodable body"
    reason = why_invalid(headers, payload)
    if reason is None and isinstance(payload, dict) and not payload.get("kwargs"):
        payload["kwargs"] = {}  # of protocol 1, where Celery takes neither null nor []
    return reason

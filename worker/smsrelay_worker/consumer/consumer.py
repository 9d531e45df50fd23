"""MaskedConsumer: the worker's end of the broker, and what it does with a message that is no task of ours.

Celery logs such a message whole and drops it, and kombu falls over what is no envelope at all. It may be somebody's SMS job with
a typing error, so here it is kept in the store for a person to look at, and the log names only queue, task and reason. Without
the store it goes back to its queue.
A broker that refuses (a full memory, too few replicas) is no reason to end the process either: it is connected to again.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import structlog
from celery.worker.consumer import Consumer
from kombu.exceptions import KombuError
from kombu.transport.redis import Transport

from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.consumer.decompression import bound
from smsrelay_worker.consumer.queue_item import WRAPPED, flaw
from smsrelay_worker.consumer.redis_transport import owing
from smsrelay_worker.consumer.unsent_acks import UnsentAcks
from smsrelay_worker.consumer.validation import fault, shown_id

log = structlog.get_logger()


_HEARTBEAT = 20  # seconds; a RabbitMQ that is silent for two of them is gone
_RECONNECT = 2  # seconds between tries
_BREATH = 1.0  # seconds before a task that could not be kept goes back to its queue
_PUT_BACK_WITHIN = 5.0  # seconds, at the end, for a broker to take back what was popped and not noted
_CONNECT_WITHIN = 4  # seconds, which is Celery's default


class MaskedConsumer(Consumer):  # type: ignore[misc]
    """A consumer that keeps what it cannot read."""

    def create_task_handler(self, **options: Any) -> Callable[[Any], None]:
        """Let only messages through that Celery can work with; any other one is kept, and the consumer goes on.

        Celery takes whatever such a message raises for its own failure and ends the worker; the message then comes back, and ends
        the next one.
        """
        receive = super().create_task_handler(**options)
        of_broker = (*self.connection_errors, *self.channel_errors)  # they say that the broker went away, nothing of the message
        channel = self.task_consumer.channel
        for name in ("basic_ack", "basic_reject"):
            setattr(channel, name, partial(self._tell, getattr(channel, name)))

        def on_task_received(message: Any) -> None:
            try:
                reason = _reason_to_keep(message)
                if reason is None:
                    receive(message)
            except of_broker:
                raise
            except Exception as error:  # noqa: BLE001  whatever it is, the message is kept for a person
                reason = f"{type(error).__name__} on its way to a task"
            if reason is not None and not message.acknowledged:
                self._keep(message, reason)

        return on_task_received

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """Without the step that declares 28 quorum queues for countdowns, which we never use; remote control only looks."""

        default_steps: ClassVar = [
            "smsrelay_worker.consumer.remote_control:ReadOnlyControl" if step.endswith(":Control") else step
            for step in Consumer.Blueprint.default_steps
            if not step.endswith(":DelayedDelivery")
        ]

    def __init__(self, *args: Any, **options: Any) -> None:
        # Only here, and not for every connection of the app: Flower sends none while events keep it busy, and would be cut off.
        super().__init__(*args, **{**options, "amqheartbeat": _HEARTBEAT})
        # Celery has just unset it because of what an old gevent did with time-outs: a silent host would be waited for for ever.
        self.app.conf.broker_connection_timeout = _CONNECT_WITHIN
        bound()
        self._owed = UnsentAcks()
        self._checking = owing(self._owed)
        self._unheard = False

    def ensure_connected(self, conn: Any) -> Any:
        """Try every two seconds for as long as it takes; Celery's pauses grow to half a minute. On Redis, look before reading."""
        if conn.get_transport_cls() is Transport:
            conn.resolve_aliases = {self._checking: conn.transport_cls}  # the name that the log shows
            conn.transport_cls = self._checking
        self._unheard = False
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=_RECONNECT, interval_step=0, interval_max=_RECONNECT
        )
        return super().ensure_connected(conn)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Connect again. After a mere refusal that would succeed at once, and meet the same refusal."""
        super().on_connection_error_after_connected(exc)
        if not isinstance(exc, self.connection_errors):
            time.sleep(_RECONNECT)

    def shutdown(self) -> None:
        """End; what was popped and could not be noted goes back to its queue."""
        super().shutdown()
        until = time.monotonic() + _PUT_BACK_WITHIN
        while self._owed.popped and time.monotonic() < until:
            self._put_back()
        for one in self._owed.popped:
            task = shown_id(_named(one.message.get("headers") or {}))
            log.error("a popped task is lost: the broker did not take it back", queue=one.queue, task_id=task)

    def _put_back(self) -> None:
        with self.app.connection_for_read() as connection:
            connection.transport_cls = self._checking
            try:
                connection.channel().close()  # which puts it back
            except (*connection.connection_errors, *connection.channel_errors) as error:
                self._owed.failed(error)
        if self._owed.popped:
            time.sleep(_BREATH)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """The body is not what its content type says."""
        self._keep(message, "undecodable body")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        """Not a Celery task at all."""
        self._keep(message, "no Celery task")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """A task under a name we do not have."""
        self._keep(message, "unknown task name")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """A task whose parts do not fit the protocol."""
        self._keep(message, "invalid task")

    def _keep(self, message: Any, reason: str) -> None:
        queue = str((message.delivery_info or {}).get("routing_key", ""))
        task_id = _named(message.headers or {})
        body = message.body if isinstance(message.body, bytes | str) else bytes(message.body or b"")
        try:
            kept_id = self.app.relay.undecodable.keep(queue, reason, body, task_id)
        except StoreUnavailable as error:
            log.error("a task nobody can read goes back to its queue", queue=queue, task_id=shown_id(task_id), reason=str(error))
            self._later(message.requeue)
            return
        log.error(
            "a task nobody can read is kept under sms:undecodable",
            queue=queue,
            task_id=shown_id(task_id),
            kept_id=kept_id,
            reason=reason,
        )
        message.ack()

    def _later(self, act: Callable[[], None]) -> None:
        """In a moment, so that a task does not spin between a living broker and a dead store."""
        if self.hub is None:
            time.sleep(_BREATH)
            act()
        else:
            self.hub.call_later(_BREATH, act)

    def _tell(self, tell: Callable[..., None], *told: Any, **options: Any) -> None:
        """Acknowledge or reject on a channel that may be gone, which is harmless: the broker gives the task out again.

        Kombu would log each such task as critical, with a trace.
        """
        try:
            tell(*told, **options)
        except (*self.connection_errors, *self.channel_errors) as error:
            if not self._unheard:
                log.warning("the broker was gone before it heard of finished tasks", reason=type(error).__name__)
            self._unheard = True


def _named(headers: Any) -> str | None:
    named = headers.get("id") if isinstance(headers, dict) else None
    return named if isinstance(named, str) else None


def _reason_to_keep(message: Any) -> str | None:
    headers = message.headers or {}
    if WRAPPED in headers:
        return flaw(message.body)
    try:
        payload = message.payload
    except (KombuError, ValueError, LookupError):  # the two: of a content type or an encoding that is none
        return "undecodable body"
    return fault(headers, payload)

"""Checks which permissions a RabbitMQ user lacks for what a worker or receiver does.

Takes a connection, returns the missing permissions, each like ``write celeryev``. Declares queues and exchanges, as a worker
would. Consumes and publishes nothing: those requests are made invalid in a way that RabbitMQ rejects only after it has checked
the permission. Raises what kombu raises.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from amqp import Message
from amqp.exceptions import AccessRefused, NotFound, PreconditionFailed
from kombu import Connection, Exchange, Queue

from smsrelay.broker.queues import QUEUES, broker_queue

_EVENTS = Exchange("celeryev", "topic")
_PIDBOX = Exchange("celery.pidbox", "fanout", durable=False, delivery_mode="transient")
_REPLIES = Exchange("reply.celery.pidbox", "direct", durable=False, delivery_mode="transient")


@dataclass(frozen=True, slots=True)
class Probe:
    """An operation that needs a permission."""

    permission: str
    attempt: Callable[[Any], object]


def worker_probes(broker_url: str, *, events: bool = True) -> list[Probe]:
    """What a worker does: its queues, remote control, and with ``events`` the task events for Flower."""
    sent_events = [_declare(_EVENTS), _publish(_EVENTS.name)] if events else []
    ours = [probe for name in QUEUES for probe in (_declare(broker_queue(name, broker_url)), _consume(name))]
    control = [*(_declare(one) for one in (_PIDBOX, _REPLIES)), _publish(_REPLIES.name), *_remote_control()]
    return [*ours, _publish(""), *sent_events, *control]


def publisher_probes(broker_url: str, *queues: str) -> list[Probe]:
    """What it takes to publish to queues."""
    return [*(_declare(broker_queue(queue, broker_url)) for queue in queues), _publish("")]


def missing_permissions(connection: Connection, probes: list[Probe]) -> list[str]:
    """Permissions that the user lacks, and existing queues or exchanges of the wrong kind; each once."""
    found: dict[str, None] = {}
    for probe in probes:
        with connection.channel() as channel:
            found |= dict.fromkeys(_refused(channel, probe))
    return list(found)


def _refused(channel: Any, probe: Probe) -> Iterator[str]:
    try:
        probe.attempt(channel)
    except AccessRefused:
        yield probe.permission
    except NotFound:
        return  # a queue that an earlier probe could not declare
    except PreconditionFailed as error:
        if "inequivalent arg" not in str(error.reply_text):
            raise
        yield f"{probe.permission} (one of another kind exists; delete it)"


def _declare(entity: Queue | Exchange) -> Probe:
    return Probe(f"configure {entity.name}", lambda channel: entity(channel).declare())


def _consume(queue: str) -> Probe:
    """Consumes with a priority that is not a number, which RabbitMQ looks at after the permission."""

    def consume(channel: Any) -> None:
        try:
            channel.basic_consume(queue, arguments={"x-priority": "none"})
        except PreconditionFailed:
            return

    return Probe(f"read {queue}", consume)


def _publish(exchange: str) -> Probe:
    """Publishes in the name of another user, which RabbitMQ looks at after the permission."""

    def publish(channel: Any) -> None:
        channel.basic_publish(Message("", user_id=uuid.uuid4().hex), exchange, routing_key="smsrelay.doctor")
        try:
            channel.basic_qos(0, 1, False)  # a synchronous call, so that the refusal has arrived when it returns
        except PreconditionFailed:
            return

    return Probe(f"write {exchange or 'amq.default'}", publish)


def _remote_control() -> Iterator[Probe]:
    """A worker's own queue for remote control: declared, bound and read."""
    queue = Queue(f"doctor-{uuid.uuid4().hex}@smsrelay.celery.pidbox", _PIDBOX, durable=False, exclusive=True, auto_delete=True)
    yield Probe("configure *.celery.pidbox", lambda channel: queue(channel).queue_declare())
    yield Probe("write *.celery.pidbox, read celery.pidbox", lambda channel: queue(channel).queue_bind())
    yield Probe("read *.celery.pidbox", lambda channel: channel.basic_consume(queue.name))
    yield Probe("configure *.celery.pidbox", lambda channel: queue(channel).delete())

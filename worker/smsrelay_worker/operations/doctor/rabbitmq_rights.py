"""RabbitMQRights: what the user of a RabbitMQ must be permitted, and what of it it is not.

Enters: a connection. Leaves: what is missing, each like ``write celeryev``. Queues and exchanges are declared, as a worker would.
No task is taken or published: what would do so is asked for in a form that RabbitMQ refuses once it has looked at the permission.
Fails as kombu does.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from amqp import Message
from amqp.exceptions import AccessRefused, NotFound, PreconditionFailed
from kombu import Connection, Exchange, Queue

from smsrelay.broker.queues import QUEUES, broker_queue
from smsrelay.contract.lanes import STATUS_QUEUE

_EVENTS = Exchange("celeryev", "topic")
_PIDBOX = Exchange("celery.pidbox", "fanout", durable=False, delivery_mode="transient")
_REPLIES = Exchange("reply.celery.pidbox", "direct", durable=False, delivery_mode="transient")


@dataclass(frozen=True, slots=True)
class Trial:
    """Something that takes a permission."""

    permission: str
    attempt: Callable[[Any], object]


def of_worker(broker_url: str, *, events: bool = True) -> list[Trial]:
    """What a worker does: its queues, remote control, and events when it tells Flower what it does."""
    told = [_declared(_EVENTS), _published(_EVENTS.name)] if events else []
    ours = [trial for name in QUEUES for trial in (_declared(broker_queue(name, broker_url)), _consumed(name))]
    control = [*(_declared(one) for one in (_PIDBOX, _REPLIES)), _published(_REPLIES.name), *_remote_control()]
    return [*ours, _published(""), *told, *control]


def of_receiver(broker_url: str) -> list[Trial]:
    """What the receiver does."""
    return [_declared(broker_queue(STATUS_QUEUE, broker_url)), _published("")]


def lacking(connection: Connection, trials: list[Trial]) -> list[str]:
    """Permissions that the user lacks, and queues or exchanges that are there and of another kind; each once."""
    found: dict[str, None] = {}
    for trial in trials:
        with connection.channel() as channel:
            found |= dict.fromkeys(_refused(channel, trial))
    return list(found)


def _refused(channel: Any, trial: Trial) -> Iterator[str]:
    try:
        trial.attempt(channel)
    except AccessRefused:
        yield trial.permission
    except NotFound:
        return  # of a queue that an earlier trial could not declare
    except PreconditionFailed as error:
        if "inequivalent arg" not in str(error.reply_text):
            raise
        yield f"{trial.permission} (there is one of another kind; delete it)"


def _declared(entity: Queue | Exchange) -> Trial:
    return Trial(f"configure {entity.name}", lambda channel: entity(channel).declare())


def _consumed(queue: str) -> Trial:
    """Asked for with a priority that is no number, which is looked at after the permission."""

    def consume(channel: Any) -> None:
        try:
            channel.basic_consume(queue, arguments={"x-priority": "none"})
        except PreconditionFailed:
            return

    return Trial(f"read {queue}", consume)


def _published(exchange: str) -> Trial:
    """In the name of another user, which is looked at after the permission."""

    def publish(channel: Any) -> None:
        channel.basic_publish(Message("", user_id=uuid.uuid4().hex), exchange, routing_key="smsrelay.doctor")
        try:
            channel.basic_qos(0, 1, False)  # its answer comes after the refusal
        except PreconditionFailed:
            return

    return Trial(f"write {exchange or 'amq.default'}", publish)


def _remote_control() -> Iterator[Trial]:
    """A queue of a worker's, declared, bound and read."""
    queue = Queue(f"doctor-{uuid.uuid4().hex}@smsrelay.celery.pidbox", _PIDBOX, durable=False, exclusive=True, auto_delete=True)
    yield Trial("configure *.celery.pidbox", lambda channel: queue(channel).queue_declare())
    yield Trial("write *.celery.pidbox, read celery.pidbox", lambda channel: queue(channel).queue_bind())
    yield Trial("read *.celery.pidbox", lambda channel: channel.basic_consume(queue.name))
    yield Trial("configure *.celery.pidbox", lambda channel: queue(channel).delete())

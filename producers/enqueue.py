"""Enqueuer: the door for apps, and the only publisher of send work.

Enters: ``SendJob`` values. Leaves: message ids. The life of a job here:
1. it becomes a message (id, deadline), or is refused with ``Rejection``;
2. the outbox records it; from here on it is accepted and will end in exactly one final state;
3. its id is published to its lane. When that fails the job is accepted all the same: the workers find the record and publish it.
Fails with ``StoreUnavailable`` before it was accepted; calling again with the same reference is always safe.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from producers.connection import open_store
from producers.job import SendJob
from producers.lanes import Lane
from producers.message import Message
from producers.outbox import Outbox, Recorded
from producers.publish import BrokerUnavailable, Publisher
from producers.rejection import Problem, Rejection
from producers.settings import ProducerSettings
from producers.task import ATTEMPT, TaskMessage
from producers.template import Registry, load_registry

CHUNK = 50  # ids a task: shares Celery's cost per task, and is short enough to be done within the visibility timeout

_BATCH = 500  # messages a round trip to the outbox

log = logging.getLogger(__name__)  # not structlog: in an app, the app says where its logs go


class ReferenceTaken(Rejection):
    """The app used this reference before, for other content."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that was accepted: its message id, and whether this call was the first."""

    message_id: str
    lane: Lane
    new: bool


class Enqueuer:
    """Accepts jobs; safe to share between threads."""

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        registry: Registry,
        random_bits: Callable[[], int] = lambda: secrets.randbits(74),
    ) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._registry = registry
        self._random_bits = random_bits

    @classmethod
    def connect(cls, settings: ProducerSettings) -> Self:
        """An enqueuer of its own connections; nothing is sent before the first job."""
        outbox = Outbox(open_store(settings.store_url), settings.secret_bytes)
        return cls(outbox, Publisher(settings.broker_url), load_registry(settings.templates))

    def enqueue(self, job: SendJob) -> Accepted:
        """Accept one job and tell the workers; raises ``Rejection``, ``ReferenceTaken`` or ``StoreUnavailable``."""
        recorded = self.record(job)
        self._wake([recorded])
        return Accepted(recorded.message.message_id, recorded.message.lane, recorded.new)

    def enqueue_many(self, jobs: Iterable[SendJob]) -> list[Accepted]:
        """Accept many jobs of any lanes; when one is wrong, none is recorded and ``Rejection`` names it by its place.

        A ``ReferenceTaken`` comes after the others were accepted; a ``StoreUnavailable`` may leave a part accepted.
        """
        messages = self._messages(jobs)
        recorded: list[Recorded] = []
        for start in range(0, len(messages), _BATCH):
            part = self._outbox.record(messages[start : start + _BATCH])
            self._wake(part)
            recorded += part
        if not all(one.same for one in recorded):
            raise _taken()
        return [Accepted(one.message.message_id, one.message.lane, one.new) for one in recorded]

    def record(self, job: SendJob) -> Recorded:
        """Record a job without publishing it, for a worker that goes on with it itself; raises like ``enqueue``."""
        message = job.accept(self._outbox.now(), self._registry, self._random_bits)
        [recorded] = self._outbox.record([message])
        if not recorded.same:
            raise _taken()
        return recorded

    def publish(self, lane: Lane, message_ids: Sequence[str]) -> None:
        """Tell the workers of messages that are recorded; raises ``BrokerUnavailable``."""
        chunks = (message_ids[start : start + CHUNK] for start in range(0, len(message_ids), CHUNK))
        self._publisher.publish_many(_attempt(lane, chunk) for chunk in chunks)

    def close(self) -> None:
        """Release every connection."""
        self._publisher.close()
        self._outbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _messages(self, jobs: Iterable[SendJob]) -> list[Message]:
        now = self._outbox.now()
        messages, problems = [], []
        for place, job in enumerate(jobs):
            try:
                messages.append(job.accept(now, self._registry, self._random_bits))
            except Rejection as rejection:
                problems += [Problem(f"[{place}].{one.field}", one.reason) for one in rejection.problems]
        if problems:
            raise Rejection(problems)
        return messages

    def _wake(self, recorded: Sequence[Recorded]) -> None:
        for lane in Lane:
            owed = [one.message.message_id for one in recorded if one.wake and one.same and one.message.lane is lane]
            if not owed:
                continue
            try:
                self.publish(lane, owed)
            except BrokerUnavailable as error:
                # Accepted all the same: the outbox holds them, and the workers publish what lies there too long.
                log.warning("publish owed: lane %s, %d messages: %s", lane.value, len(owed), error)


def _attempt(lane: Lane, message_ids: Sequence[str]) -> TaskMessage:
    shown = f"{lane.value} {message_ids[0]}" + (f" and {len(message_ids) - 1} more" if len(message_ids) > 1 else "")
    return TaskMessage(name=ATTEMPT, queue=lane.queue, kwargs={"ids": list(message_ids)}, shown=shown)


def _taken() -> ReferenceTaken:
    return ReferenceTaken.of("reference", "was used before for other content; the same reference means the same SMS")

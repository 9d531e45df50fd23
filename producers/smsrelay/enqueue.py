"""Enqueuer: the door for apps, and the only publisher of send work.

Enters: ``SendJob`` values. Leaves: message ids. The life of a job here:
1. it becomes a message (id, deadline), or is refused with ``Rejection``;
2. the outbox records it; from here on it is accepted and will end in exactly one final state;
3. its id is published to its lane: in the same step where broker and store are one Redis, else in one of its own. When that one
   fails, the job is accepted all the same: the workers find the record and publish it.
Fails with ``StoreUnavailable`` before it was accepted; calling again with the same reference is always safe.
"""

import logging
import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from types import TracebackType
from typing import Self

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import ATTEMPT, TaskMessage
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import Message
from smsrelay.contract.rejection import Problem, Rejection
from smsrelay.contract.template import Registry, load_registry
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import open_store
from smsrelay.store.outbox import Outbox, Recorded, WakeUp

CHUNK = 50  # ids a task: shares Celery's cost per task, and is short enough to be done within the visibility timeout

_BATCH = 500  # messages a round trip to the outbox
_TAKEN = "was used before for other content; the same reference means the same SMS"

log = logging.getLogger(__name__)  # not structlog: in an app, the app says where its logs go


class ReferenceTaken(Rejection):
    """The app used this reference before, for other content."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One of many jobs that was not accepted: its place among them, from 0, and why."""

    place: int
    problems: tuple[Problem, ...]


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
        *,
        one_redis: bool = False,
    ) -> None:
        """``one_redis``: the outbox and the publisher are of the same database."""
        self._outbox = outbox
        self._publisher = publisher
        self._registry = registry
        self._random_bits = random_bits
        self._wake_up = _attempt if one_redis else None

    @classmethod
    def connect(cls, settings: ProducerSettings) -> Self:
        """An enqueuer of its own connections; nothing is sent before the first job."""
        outbox = Outbox(open_store(settings.store_url), settings.secret_bytes)
        registry = load_registry(settings.templates)
        return cls(outbox, Publisher(settings.broker_url), registry, one_redis=settings.one_redis)

    def enqueue(self, job: SendJob) -> Accepted:
        """Accept one job and tell the workers; raises ``Rejection``, ``ReferenceTaken`` or ``StoreUnavailable``."""
        recorded = self._recorded(job, self._wake_up)
        self._wake([recorded])
        return _accepted(recorded)

    def enqueue_many(self, jobs: Iterable[SendJob | Rejection]) -> Generator[Accepted | Refused, None, None]:
        """Accept any number of jobs, of any lanes, in bounded memory: one result a job, in their order.

        Nothing happens before the results are read. A job that is wrong, or whose reference is taken, is ``Refused`` and keeps
        nobody else out; a ``Rejection`` among the jobs, of one that could not even be made, takes its place in the same way. At
        most two batches of 500 are read ahead of the results. Raises ``StoreUnavailable``: then up to two batches that no result
        told of may be accepted, and with references all of it may be enqueued again. Read to the end, or close the iterator.
        """
        under_way: _Batch | None = None
        try:
            for place, batch in _batches(jobs):
                made = self._made(batch)
                draft = self._outbox.draft(_messages(made), self._wake_up)
                done, under_way = under_way, None
                # Published before the next begins, behind which a Redis that is broker too would make it wait.
                results = self._finish(done)
                under_way = _Batch(place, made, self._outbox.begin(draft))  # while the results are used and the next is made
                yield from results
            done, under_way = under_way, None
            yield from self._finish(done)
        finally:
            self._finish(under_way)  # nobody reads its results any more; it is recorded, and the workers shall know

    def enqueue_all(self, jobs: Iterable[SendJob]) -> list[Accepted]:
        """Accept all of a list that fits into memory, or none: when one is wrong, ``Rejection`` names it by its place.

        A ``ReferenceTaken`` comes after the others were accepted; a ``StoreUnavailable`` may leave a part accepted.
        """
        messages = self._messages(list(jobs))
        recorded: list[Recorded] = []
        for start in range(0, len(messages), _BATCH):
            part = self._outbox.record(messages[start : start + _BATCH], self._wake_up)
            self._wake(part)
            recorded += part
        taken = [place for place, one in enumerate(recorded) if not one.same]
        if taken:
            raise ReferenceTaken(Problem(f"[{place}].reference", _TAKEN) for place in taken)
        return [_accepted(one) for one in recorded]

    def record(self, job: SendJob) -> Recorded:
        """Record a job without publishing it, for a worker that goes on with it itself; raises like ``enqueue``."""
        return self._recorded(job, None)

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

    def _recorded(self, job: SendJob, wake_up: WakeUp | None) -> Recorded:
        message = job.accept(self._outbox.now(), self._registry, self._random_bits)
        [recorded] = self._outbox.record([message], wake_up)
        if not recorded.same:
            raise ReferenceTaken.of("reference", _TAKEN)
        return recorded

    def _messages(self, jobs: Sequence[SendJob]) -> list[Message]:
        taken = self._made(jobs)
        wrong = [(place, one) for place, one in enumerate(taken) if isinstance(one, Rejection)]
        if wrong:
            raise Rejection(Problem(f"[{place}].{one.field}", one.reason) for place, found in wrong for one in found.problems)
        return _messages(taken)

    def _made(self, jobs: Sequence[SendJob | Rejection]) -> list[Message | Rejection]:
        """What each job becomes."""
        now = self._outbox.now()
        made: list[Message | Rejection] = []
        for job in jobs:
            try:
                made.append(job if isinstance(job, Rejection) else job.accept(now, self._registry, self._random_bits))
            except Rejection as rejection:
                made.append(rejection)
        return made

    def _finish(self, batch: "_Batch | None") -> Iterable[Accepted | Refused]:
        """Wait until a batch is recorded, publish it, and tell its results."""
        if batch is None:
            return ()
        recorded = batch.recorded()
        self._wake(recorded)
        return batch.results(recorded)

    def _wake(self, recorded: Sequence[Recorded]) -> None:
        owed: dict[Lane, list[str]] = {}
        for one in recorded:
            if one.wake and one.same:
                owed.setdefault(one.message.lane, []).append(one.message.message_id)
        for lane in filter(owed.get, Lane):
            try:
                self.publish(lane, owed[lane])
            except BrokerUnavailable as error:
                # Accepted all the same: the outbox holds them, and the workers publish what lies there too long.
                log.warning("publish owed: lane %s, %d messages: %s", lane.value, len(owed[lane]), error)


def _attempt(lane: Lane, message_ids: Sequence[str]) -> TaskMessage:
    shown = f"{lane.value} {message_ids[0]}" + (f" and {len(message_ids) - 1} more" if len(message_ids) > 1 else "")
    return TaskMessage(name=ATTEMPT, queue=lane.queue, kwargs={"ids": list(message_ids)}, shown=shown)


def _batches(jobs: Iterable[SendJob | Rejection]) -> Iterator[tuple[int, list[SendJob | Rejection]]]:
    """Batches, each with the place of its first job."""
    coming = iter(jobs)
    for start in count(0, _BATCH):
        batch = list(islice(coming, _BATCH))
        if not batch:
            return
        yield start, batch


def _messages(made: Iterable[Message | Rejection]) -> list[Message]:
    return [one for one in made if isinstance(one, Message)]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Jobs that the store is recording: the place of the first, what each became, and the call that waits for the store."""

    start: int
    made: Sequence[Message | Rejection]
    recorded: Callable[[], list[Recorded]]

    def results(self, recorded: Iterable[Recorded]) -> Iterator[Accepted | Refused]:
        following = iter(recorded)
        for place, one in enumerate(self.made, self.start):
            yield Refused(place, one.problems) if isinstance(one, Rejection) else _outcome(place, next(following))


def _outcome(place: int, recorded: Recorded) -> Accepted | Refused:
    return _accepted(recorded) if recorded.same else Refused(place, (Problem("reference", _TAKEN),))


def _accepted(recorded: Recorded) -> Accepted:
    return Accepted(recorded.message.message_id, recorded.message.lane, recorded.new)

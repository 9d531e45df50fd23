"""Accepts jobs from apps; the only publisher of send work.

What happens to a job here:
1. It becomes a message with an id and a deadline, or is refused with ``Rejection``.
2. The outbox records it. From here on it is accepted, and will end in exactly one final state.
3. Its id is published to its lane: in the same step when broker and store are one Redis, otherwise in a step of its own. When
   that step fails, the job is accepted all the same: workers find the record and publish it.

``StoreUnavailable`` comes before a job was accepted, or when the answer was lost; to enqueue again with the same reference is
always safe.
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
from smsrelay.servers.time_limit import time_limit
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import open_store
from smsrelay.store.outbox import Outbox, Recorded, WakeUp

CHUNK = 50  # ids a task: shares Celery's cost per task, and is done within the visibility timeout

_BATCH = 500  # messages a round trip to the outbox
_TAKEN = "was used before for other content; the same reference means the same SMS"

log = logging.getLogger(__name__)  # not structlog: an app decides where its logs go


class ReferenceTaken(Rejection):
    """The app has used this reference before, for another SMS. Nothing was recorded for this job."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One of many jobs, which was not accepted.

    ``place``: its index among the jobs, from 0.
    ``problems``: every field that is wrong, with the reason.
    """

    place: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that was accepted.

    ``message_id``: a UUID, by which ``smsrelay show`` finds the message.
    ``lane``: the lane it travels in.
    ``new``: whether this call recorded it; ``False`` when the same reference was accepted before.
    """

    message_id: str
    lane: Lane
    new: bool


class Enqueuer:
    """Accepts jobs. Make one a process, with ``connect``, and share it between threads."""

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        registry: Registry,
        random_bits: Callable[[], int] = lambda: secrets.randbits(74),
        *,
        one_redis: bool = False,
        timeout: float | None = None,
    ) -> None:
        """An enqueuer of given parts; apps use ``connect``.

        ``one_redis``: outbox and publisher use the same database.
        ``timeout``: seconds that a call waits for store and broker in all; ``None``, for workers, leaves it to the connections.
        """
        self._outbox = outbox
        self._publisher = publisher
        self._registry = registry
        self._random_bits = random_bits
        self._wake_up = _attempt if one_redis else None
        self._timeout = timeout

    @classmethod
    def connect(cls, settings: ProducerSettings) -> Self:
        """An enqueuer with connections of its own, which it opens at the first job.

        Raises ``Rejection`` or ``OSError`` for a file of templates that is wrong or cannot be read.
        """
        outbox = Outbox(open_store(settings.store_url), settings.number_keys)
        publisher, registry = Publisher(settings.broker_url), load_registry(settings.templates)
        return cls(outbox, publisher, registry, one_redis=settings.one_redis, timeout=settings.enqueue_timeout)

    def enqueue(self, job: SendJob) -> Accepted:
        """Accept one job and notify the workers.

        Raises ``Rejection`` for a job that is wrong, ``ReferenceTaken`` for a reference that stands for another SMS, and
        ``StoreUnavailable`` when the store did not answer in time: then enqueue the same job again, with its reference.
        """
        with time_limit(self._timeout):
            recorded = self._recorded(job, self._wake_up)
            self._wake([recorded])
        return _accepted(recorded)

    def enqueue_many(self, jobs: Iterable[SendJob | Rejection]) -> Generator[Accepted | Refused, None, None]:
        """Accept any number of jobs, in any lanes, in bounded memory; yields one result a job, in their order.

        Nothing happens until the results are read. A job that is wrong, or whose reference is taken, yields ``Refused`` and does
        not affect the others; so does a ``Rejection`` among the jobs, for one that could not even be made. At most two batches of
        500 jobs are read ahead of the results.

        Raises ``StoreUnavailable``. Then up to two batches without a result may have been accepted; when every job has a
        reference, all of them can be enqueued again. Read the iterator to its end, or close it.
        """
        under_way: _Batch | None = None
        try:
            for place, batch in _batches(jobs):
                made = self._made(batch)
                draft = self._outbox.draft(_messages(made), self._wake_up)
                done, under_way = under_way, None
                # Published before the next batch begins; a Redis that is broker too would make it wait behind that one.
                results = self._finish(done)
                with time_limit(self._timeout):
                    under_way = _Batch(place, made, self._outbox.begin(draft))  # while results are used and the next is made
                yield from results
            done, under_way = under_way, None
            yield from self._finish(done)
        finally:
            self._finish(under_way)  # nobody reads its results any more, but it is recorded and has to be published

    def enqueue_all(self, jobs: Iterable[SendJob]) -> list[Accepted]:
        """Accept all jobs of a list, or none when one of them is wrong: ``Rejection`` then names it by its index, from 0.

        Raises ``ReferenceTaken`` after the other jobs were accepted, and ``StoreUnavailable`` when a part may have been accepted.
        """
        messages = self._messages(list(jobs))
        recorded: list[Recorded] = []
        for start in range(0, len(messages), _BATCH):
            with time_limit(self._timeout):
                part = self._outbox.record(messages[start : start + _BATCH], self._wake_up)
                self._wake(part)
            recorded += part
        taken = [place for place, one in enumerate(recorded) if not one.same]
        if taken:
            raise ReferenceTaken(Problem(f"[{place}].reference", _TAKEN) for place in taken)
        return [_accepted(one) for one in recorded]

    def record(self, job: SendJob) -> Recorded:
        """Record a job without publishing it, for a worker that attempts it itself; raises as ``enqueue`` does."""
        return self._recorded(job, None)

    def publish(self, lane: Lane, message_ids: Sequence[str]) -> None:
        """Notify the workers of recorded messages; raises ``BrokerUnavailable``."""
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
        """The message of each job, or why there is none."""
        with time_limit(self._timeout):
            now = self._outbox.now()
        made: list[Message | Rejection] = []
        for job in jobs:
            try:
                made.append(job if isinstance(job, Rejection) else job.accept(now, self._registry, self._random_bits))
            except Rejection as rejection:
                made.append(rejection)
        return made

    def _finish(self, batch: "_Batch | None") -> Iterable[Accepted | Refused]:
        """Wait until a batch is recorded, publish it, and return its results."""
        if batch is None:
            return ()
        with time_limit(self._timeout):
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
                # Accepted all the same: the outbox holds them, and workers publish what has been there too long.
                log.warning("publish owed: lane %s, %d messages: %s", lane.value, len(owed[lane]), error)


def _attempt(lane: Lane, message_ids: Sequence[str]) -> TaskMessage:
    shown = f"{lane.value} {message_ids[0]}" + (f" and {len(message_ids) - 1} more" if len(message_ids) > 1 else "")
    return TaskMessage(name=ATTEMPT, queue=lane.queue, kwargs={"ids": list(message_ids)}, shown=shown)


def _batches(jobs: Iterable[SendJob | Rejection]) -> Iterator[tuple[int, list[SendJob | Rejection]]]:
    """Batches, each with the index of its first job."""
    remaining = iter(jobs)
    for start in count(0, _BATCH):
        batch = list(islice(remaining, _BATCH))
        if not batch:
            return
        yield start, batch


def _messages(made: Iterable[Message | Rejection]) -> list[Message]:
    return [one for one in made if isinstance(one, Message)]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Jobs that the store is recording: the index of the first, what each became, and the call that waits for the store."""

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

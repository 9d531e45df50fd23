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
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from types import TracebackType
from typing import Self

from smsrelay.acceptance import (
    Acceptance,
    Accepted,
    ReferenceTaken,
    Refused,
    accept_all,
    messages_of,
    results,
    to_publish,
)
from smsrelay.broker.attempt_task import CHUNK, attempt_task, attempt_tasks
from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.campaign_control import CampaignControl
from smsrelay.contract.job import DEFAULT_APP, SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import Message, referenced_id
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.suppression import BY_LIBRARY
from smsrelay.contract.template import Registry, load_registry
from smsrelay.lookup import MOST_FOUND, MessageStatus, cancelled_status, number_in_e164
from smsrelay.messages.cancel import cancelled
from smsrelay.servers.time_limit import time_limit
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import open_store
from smsrelay.store.enqueue_traces import EnqueueTraces
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.outbox import Outbox, Recorded, WakeUp
from smsrelay.store.records import Records
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.traffic.campaigns import Campaigns
from smsrelay.suppressing import checked_list, checked_lists
from smsrelay.traces.opening import enqueue_traces

__all__ = ["CHUNK", "Accepted", "Enqueuer", "ReferenceTaken", "Refused"]

BATCH = 500  # messages a round trip to the outbox

log = logging.getLogger(__name__)  # not structlog: an app decides where its logs go


class Enqueuer:
    """Accepts jobs. Make one a process, with ``connect``, and share it between threads."""

    def __init__(  # noqa: PLR0913  parts, of which an app names none
        self,
        outbox: Outbox,
        publisher: Publisher,
        registry: Registry,
        records: Records,
        random_bits: Callable[[], int] = lambda: secrets.randbits(74),
        *,
        numbers: NumberIndex,
        only_to: Collection[str] | None = None,
        one_redis: bool = False,
        timeout: float | None = None,
        suppressions: Suppressions | None = None,
        campaigns: Campaigns | None = None,
    ) -> None:
        """An enqueuer of given parts; apps use ``connect``.

        ``numbers``: the index in which ``messages_to`` looks.
        ``only_to``: the only numbers that may be texted, in E.164; ``None``: any.
        ``one_redis``: outbox and publisher use the same database.
        ``timeout``: seconds that a call waits for store and broker in all; ``None``, for workers, leaves it to the connections.
        ``suppressions``, ``campaigns``: for apps, who suppress numbers and control campaigns.
        """
        self._outbox = outbox
        self._publisher = publisher
        self._records = records
        self._numbers = numbers
        self.acceptance = Acceptance(registry, random_bits, only_to)
        self._wake_up = attempt_task if one_redis else None
        self._timeout = timeout
        self._suppressions, self._campaigns = suppressions, campaigns

    @classmethod
    def connect(cls, settings: ProducerSettings, *, traces: EnqueueTraces | None = None) -> Self:
        """An enqueuer with connections of its own, which it opens at the first job.

        ``traces``: in place of those that the settings ask for (docs/traces.md).
        Raises ``Rejection`` or ``OSError`` for a file of templates that is wrong or cannot be read.
        """
        redis, traces = open_store(settings.store), traces or enqueue_traces(settings.traces)
        return cls(
            Outbox(redis, settings.number_keys, cipher=settings.payload_cipher, traces=traces),
            Publisher(settings.broker_url),
            load_registry(settings.templates),
            Records(redis, settings.retention_hours * 3600),
            numbers=NumberIndex(redis, settings.number_keys),
            only_to=settings.only_to_numbers,
            one_redis=settings.one_redis,
            timeout=settings.enqueue_timeout,
            suppressions=Suppressions(redis, settings.number_keys),
            campaigns=Campaigns(redis),
        )

    def enqueue(self, job: SendJob, *, test: bool = False) -> Accepted:
        """Accept one job and notify the workers. With ``test`` the message never reaches the vendor (docs/apps.md).

        Raises ``Rejection`` for a job that is wrong, ``ReferenceTaken`` for a reference that stands for another SMS, ``TooMany``
        for a code over its cap, ``Suppressed`` for marketing to a number on a suppression list, and ``StoreUnavailable`` when the
        store did not answer in time: then enqueue the same job again, with its reference.
        """
        with time_limit(self._timeout):
            recorded = self._recorded(job, self._wake_up, test=test)
            self._wake([recorded])
        return Accepted.of(recorded)

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
                made = self.acceptance.made(batch, self._now())
                draft = self._outbox.draft(messages_of(made), self._wake_up)
                done, under_way = under_way, None
                # Published before the next batch begins; a Redis that is broker too would make it wait behind that one.
                finished = self._finish(done)
                with time_limit(self._timeout):
                    under_way = _Batch(place, made, self._outbox.begin(draft))  # while results are used and the next is made
                yield from finished
            done, under_way = under_way, None
            yield from self._finish(done)
        finally:
            self._finish(under_way)  # nobody reads its results any more, but it is recorded and has to be published

    def enqueue_all(self, jobs: Iterable[SendJob]) -> list[Accepted]:
        """Accept all jobs of a list, or none when one of them is wrong: ``Rejection`` then names it by its index, from 0.

        What only the store can tell is raised once the other jobs are accepted: ``ReferenceTaken``, ``TooMany``, ``Suppressed``,
        and ``Rejection`` for a country or a cancelled campaign. Raises ``StoreUnavailable`` when a part may have been accepted.
        """
        messages = self.acceptance.all_messages(list(jobs), self._now())
        recorded: list[Recorded] = []
        for start in range(0, len(messages), BATCH):
            with time_limit(self._timeout):
                part = self._outbox.record(messages[start : start + BATCH], self._wake_up)
                self._wake(part)
            recorded += part
        return accept_all(recorded)

    def status(self, message_id: str) -> MessageStatus | None:
        """Where a message is; ``None`` for an id that is unknown, or whose retention has ended. Raises ``StoreUnavailable``."""
        with time_limit(self._timeout):
            reading = self._records.read(message_id)
        return MessageStatus.of(reading.record) if reading else None

    def find(self, app: str, reference: str, *, test: bool = False) -> MessageStatus | None:
        """The same by the app's own id of the message; ``test`` for one that was enqueued as a test."""
        return self.status(referenced_id(app, reference, test=test))

    def messages_to(self, number: str, *, app: str | None = None) -> list[MessageStatus]:
        """The messages to a number that are within their retention, the newest first, at most 1000; of one app, or of all.

        ``number`` as in ``SendJob.to``. Raises ``Rejection`` for text that is none, and ``StoreUnavailable``.
        """
        to = number_in_e164(number)
        with time_limit(self._timeout):
            records = self._numbers.records(self._records, to, lambda record: app in {None, record.app}, MOST_FOUND)
        return [MessageStatus.of(record) for record in records]

    def cancel(self, message_id: str) -> MessageStatus | None:
        """Cancel a message that no worker has begun, and return its status; ``None`` as for ``status``.

        A message that is cancelled already is returned as it is. Raises ``TooLate`` for one that was begun or is final in another
        way, and ``StoreUnavailable``: then cancel again.
        """
        with time_limit(self._timeout):
            change = self._records.change(message_id, lambda reading: cancelled(reading.record), durable=True)
        return cancelled_status(change.after) if change else None

    def suppress(self, number: str, *, app: str = DEFAULT_APP, signature: str | None = None) -> bool:
        """Send a number no more marketing of this app; with ``signature``, none under that signature, whichever app sends it.

        Codes and notices still reach it. ``True`` if it was not on that list yet. Raises ``Rejection`` for what is no number, app
        or signature, and ``StoreUnavailable``: then suppress it again.
        """
        named, name = number_in_e164(number), checked_list(app, signature)
        with time_limit(self._timeout):
            [new] = self._lists.add([named], name, BY_LIBRARY)
        return new

    def unsuppress(self, number: str, *, app: str = DEFAULT_APP, signature: str | None = None) -> bool:
        """Take a number off the same list; ``True`` if it was there. It may be on other lists. Raises as ``suppress`` does."""
        named, name = number_in_e164(number), checked_list(app, signature)
        with time_limit(self._timeout):
            [known] = self._lists.remove([named], name)
        return known

    def is_suppressed(self, number: str, *, app: str = DEFAULT_APP, signature: str | None = None) -> bool:
        """Whether a number gets no marketing of this app (under this signature). Raises as ``suppress`` does."""
        named, names = number_in_e164(number), checked_lists(app, signature)
        with time_limit(self._timeout):
            return bool(self._lists.of(named, names))

    def campaign(self, app: str, name: str) -> CampaignControl:
        """A campaign of an app, to watch, pause, resume and cancel; asks the store for nothing yet."""
        if self._campaigns is None:
            raise TypeError("an enqueuer that connect has made controls campaigns, no other")
        return CampaignControl(self._campaigns, app, name, self._timeout)

    def record(self, job: SendJob) -> Recorded:
        """Record a job without publishing it, for a worker that attempts it itself; raises as ``enqueue`` does."""
        return self._recorded(job, None)

    def publish(self, lane: Lane, message_ids: Sequence[str]) -> None:
        """Notify the workers of recorded messages; raises ``BrokerUnavailable``."""
        self._publisher.publish_many(attempt_tasks(lane, message_ids))

    def close(self) -> None:
        """Release every connection, and export what is left of traces."""
        self._publisher.close()
        self._outbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def _lists(self) -> Suppressions:
        if self._suppressions is None:
            raise TypeError("an enqueuer that connect has made suppresses numbers, no other")
        return self._suppressions

    def _now(self) -> int:
        with time_limit(self._timeout):
            return self._outbox.now()

    def _recorded(self, job: SendJob, wake_up: WakeUp | None, *, test: bool = False) -> Recorded:
        message = self.acceptance.message(job, self._outbox.now(), test=test)
        [recorded] = self._outbox.record([message], wake_up)
        Accepted.of(recorded)
        return recorded

    def _finish(self, batch: "_Batch | None") -> Iterable[Accepted | Refused]:
        """Wait until a batch is recorded, publish it, and return its results."""
        if batch is None:
            return ()
        with time_limit(self._timeout):
            recorded = batch.recorded()
            self._wake(recorded)
        return results(batch.start, batch.made, recorded)

    def _wake(self, recorded: Sequence[Recorded]) -> None:
        for lane, ids in to_publish(recorded).items():
            try:
                self.publish(lane, ids)
            except BrokerUnavailable as error:
                # Accepted all the same: the outbox holds them, and workers publish what has been there too long.
                log.warning("publish owed: lane %s, %d messages: %s", lane.value, len(ids), error)


def _batches(jobs: Iterable[SendJob | Rejection]) -> Iterator[tuple[int, list[SendJob | Rejection]]]:
    """Batches, each with the index of its first job."""
    remaining = iter(jobs)
    for start in count(0, BATCH):
        batch = list(islice(remaining, BATCH))
        if not batch:
            return
        yield start, batch


@dataclass(frozen=True, slots=True)
class _Batch:
    """Jobs that the store is recording: the index of the first, what each became, and the call that waits for the store."""

    start: int
    made: Sequence[Message | Rejection]
    recorded: Callable[[], list[Recorded]]

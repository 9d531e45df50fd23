"""AsyncEnqueuer: accepts jobs on an event loop, with the words of ``Enqueuer`` and without ever blocking the loop.

Calls of ``enqueue`` that run at the same time share one script call and one round trip. What can fail, and what it means, is the
same as with ``Enqueuer``.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from itertools import count
from types import TracebackType
from typing import Self

from smsrelay.acceptance import Acceptance, Accepted, Refused, accept_all, messages_of, results, to_publish
from smsrelay.broker.async_publisher import AsyncPublisher
from smsrelay.broker.attempt_task import attempt_task, attempt_tasks
from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import TaskMessage
from smsrelay.call_batcher import CallBatcher
from smsrelay.campaign_control import AsyncCampaignControl
from smsrelay.contract.job import DEFAULT_APP, SendJob
from smsrelay.contract.message import Message, referenced_id
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.suppression import BY_LIBRARY
from smsrelay.contract.template import load_registry
from smsrelay.enqueue import BATCH
from smsrelay.lookup import MOST_FOUND, MessageStatus, cancelled_status, number_in_e164
from smsrelay.messages.cancel import cancelled
from smsrelay.settings import ProducerSettings
from smsrelay.store.asynchronous.parts import AsyncParts
from smsrelay.store.connection import StoreUnavailable, timed_out
from smsrelay.store.enqueue_traces import UNTRACED, EnqueueTraces
from smsrelay.store.outbox import Recorded
from smsrelay.suppressing import checked_list, checked_lists
from smsrelay.traces.opening import enqueue_traces

Job = SendJob | Rejection  # a rejection: of a job that could not even be made
Publish = Callable[[Sequence[TaskMessage], float], Awaitable[None]]

log = logging.getLogger(__name__)


class AsyncEnqueuer:
    """Accepts jobs. Make one for each event loop, with ``connect``, and share it between tasks.

    Cancelling a call ends the waiting; the job may have been accepted or not, as after ``StoreUnavailable``.
    """

    def __init__(self, parts: AsyncParts, acceptance: Acceptance, timeout: float, publisher: AsyncPublisher | None) -> None:
        """An enqueuer of given parts; apps use ``connect``.

        ``timeout``: seconds that a call waits for store and broker in all. ``publisher``: ``None`` when the store is the broker.
        """
        self._store, self._outbox, self._records, self._numbers = parts.store, parts.outbox, parts.records, parts.numbers
        self._suppressions, self._campaigns, self._traces = parts.suppressions, parts.campaigns, parts.traces
        self.acceptance, self._timeout, self._publisher = acceptance, timeout, publisher
        self._wake_up = attempt_task if publisher is None else None
        self._publish: Publish = parts.outbox.push if publisher is None else publisher.publish_many
        self._calls = CallBatcher(self._record, self._wake, timed_out, timeout, BATCH)

    @classmethod
    def connect(cls, settings: ProducerSettings, *, traces: EnqueueTraces | None = None) -> Self:
        """An enqueuer with connections of its own, which it opens at the first job.

        ``traces``: in place of those that the settings ask for (docs/traces.md).
        Raises ``Rejection`` or ``OSError`` for a file of templates that is wrong or cannot be read.
        """
        registry = load_registry(settings.templates)
        acceptance = Acceptance(registry, lambda: secrets.randbits(74), settings.only_to_numbers)
        publisher = None if settings.one_redis else AsyncPublisher(Publisher(settings.broker_url))
        parts = AsyncParts.wire(settings, traces or enqueue_traces(settings.traces))
        return cls(parts, acceptance, settings.enqueue_timeout, publisher)

    async def enqueue(self, job: SendJob, *, test: bool = False) -> Accepted:
        """Accept one job and notify the workers. With ``test`` the message never reaches the vendor (docs/apps.md).

        Raises as ``Enqueuer.enqueue`` does; after ``StoreUnavailable``, enqueue the same job again, with its reference.
        """
        until = self._until()
        message = self.acceptance.message(job, await self._outbox.now(until), test=test)
        return Accepted.of(await self._calls.call(self._traces.in_context(message), until))  # recorded in another task

    async def enqueue_many(self, jobs: AsyncIterable[Job] | Iterable[Job]) -> AsyncGenerator[Accepted | Refused, None]:
        """Accept any number of jobs, in any lanes, in bounded memory; yields one result a job, in their order.

        As ``Enqueuer.enqueue_many``, with jobs from an asynchronous or an ordinary iterable: at most two batches of 500 jobs are
        read ahead of the results, and what was recorded is published when the iterator is read to its end or closed.
        """
        under_way: asyncio.Task[list[Accepted | Refused]] | None = None
        try:
            async for place, batch in _batches(jobs):
                following = asyncio.create_task(self._accepted(place, batch, under_way))
                done, under_way = under_way, following
                for result in await done if done else ():
                    yield result
            done, under_way = under_way, None
            for result in await done if done else ():
                yield result
        finally:
            if under_way is not None:  # nobody reads its results any more, but what it recorded has to be published
                await asyncio.gather(under_way, return_exceptions=True)

    async def enqueue_all(self, jobs: Iterable[SendJob]) -> list[Accepted]:
        """Accept all jobs of a list, or none when one of them is wrong: ``Rejection`` then names it by its index, from 0.

        What only the store can tell is raised once the other jobs are accepted: ``ReferenceTaken``, ``TooMany``, ``Suppressed``,
        and ``Rejection`` for a country or a cancelled campaign. Raises ``StoreUnavailable`` when a part may have been accepted.
        """
        messages = self.acceptance.all_messages(list(jobs), await self._outbox.now(self._until()))
        recorded: list[Recorded] = []
        for start in range(0, len(messages), BATCH):
            recorded += await self._recorded(messages[start : start + BATCH])
        return accept_all(recorded)

    async def status(self, message_id: str) -> MessageStatus | None:
        """Where a message is; ``None`` for an id that is unknown, or whose retention has ended. Raises ``StoreUnavailable``."""
        record = await self._records.read(message_id, self._until())
        return MessageStatus.of(record) if record else None

    async def find(self, app: str, reference: str, *, test: bool = False) -> MessageStatus | None:
        """The same by the app's own id of the message; ``test`` for one that was enqueued as a test."""
        return await self.status(referenced_id(app, reference, test=test))

    async def messages_to(self, number: str, *, app: str | None = None) -> list[MessageStatus]:
        """The messages to a number that are within their retention, the newest first, at most 1000; of one app, or of all.

        ``number`` as in ``SendJob.to``. Raises ``Rejection`` for text that is none, and ``StoreUnavailable``.
        """
        to = number_in_e164(number)
        records = await self._numbers.records(to, lambda record: app in {None, record.app}, MOST_FOUND, self._until())
        return [MessageStatus.of(record) for record in records]

    async def cancel(self, message_id: str) -> MessageStatus | None:
        """Cancel a message that no worker has begun, and return its status; ``None`` as for ``status``.

        A message that is cancelled already is returned as it is. Raises ``TooLate`` for one that was begun or is final in another
        way, and ``StoreUnavailable``: then cancel again.
        """
        record = await self._records.change(message_id, cancelled, self._until())
        return cancelled_status(record) if record else None

    async def suppress(self, number: str, *, app: str = DEFAULT_APP, signature: str | None = None) -> bool:
        """Send a number no more marketing of this app, as ``Enqueuer.suppress``."""
        named, name = number_in_e164(number), checked_list(app, signature)
        [new] = await self._suppressions.add([named], name, BY_LIBRARY, self._until())
        return new

    async def unsuppress(self, number: str, *, app: str = DEFAULT_APP, signature: str | None = None) -> bool:
        """Take a number off the same list, as ``Enqueuer.unsuppress``."""
        named, name = number_in_e164(number), checked_list(app, signature)
        [known] = await self._suppressions.remove([named], name, self._until())
        return known

    async def is_suppressed(self, number: str, *, app: str = DEFAULT_APP, signature: str | None = None) -> bool:
        """Whether a number gets no marketing of this app, as ``Enqueuer.is_suppressed``."""
        named, names = number_in_e164(number), checked_lists(app, signature)
        return bool(await self._suppressions.of(named, names, self._until()))

    def campaign(self, app: str, name: str) -> AsyncCampaignControl:
        """A campaign of an app, to watch, pause, resume and cancel; asks the store for nothing yet."""
        return AsyncCampaignControl(self._campaigns, app, name, self._until)

    async def close(self) -> None:
        """Wait for the calls that run, then release every connection."""
        await self._calls.close()
        await self._store.close()
        if self._publisher is not None:
            await self._publisher.close()
        if self._traces is not UNTRACED:
            await asyncio.to_thread(self._traces.close)  # which may wait for a collector

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout

    async def _record(self, messages: Sequence[Message], until: float) -> list[Recorded]:
        return await self._outbox.record(messages, self._wake_up, until)

    async def _recorded(self, messages: Sequence[Message]) -> list[Recorded]:
        """Record and publish messages in a round trip of their own."""
        until = self._until()
        recorded = await self._record(messages, until)
        await self._wake(recorded, until)
        return recorded

    async def _accepted(
        self, place: int, jobs: Sequence[Job], earlier: asyncio.Task[list[Accepted | Refused]] | None
    ) -> list[Accepted | Refused]:
        """The results of a batch, which begins when the one before it has ended, so that its jobs stay behind those."""
        if earlier is not None:
            await asyncio.wait([earlier])
        made = self.acceptance.made(jobs, await self._outbox.now(self._until()))
        return list(results(place, made, await self._recorded(messages_of(made))))

    async def _wake(self, recorded: Sequence[Recorded], until: float) -> None:
        owed = to_publish(recorded)
        if not owed:
            return
        try:
            await self._publish([task for lane, ids in owed.items() for task in attempt_tasks(lane, ids)], until)
        except (BrokerUnavailable, StoreUnavailable) as error:
            # Accepted all the same: the outbox holds them, and workers publish what has been there too long.
            log.warning("publish owed: lanes %s, %d messages: %s", ", ".join(owed), sum(map(len, owed.values())), error)


async def each(jobs: AsyncIterable[Job] | Iterable[Job]) -> AsyncIterator[Job]:
    """The jobs of either kind of iterable."""
    if isinstance(jobs, AsyncIterable):
        async for job in jobs:
            yield job
    else:
        for job in jobs:
            yield job


async def _batches(jobs: AsyncIterable[Job] | Iterable[Job]) -> AsyncIterator[tuple[int, list[Job]]]:
    """Batches, each with the index of its first job."""
    batch: list[Job] = []
    places = count(0, BATCH)
    async for job in each(jobs):
        batch.append(job)
        if len(batch) == BATCH:
            yield next(places), batch
            batch = []
    if batch:
        yield next(places), batch

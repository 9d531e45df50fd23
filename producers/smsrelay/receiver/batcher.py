"""ReportBatcher: stores reports durably before their callbacks are answered, on the broker or else in the spool.

Reports that arrive during a flush are batched: one publish, one disk sync and one log line for all of them. A report never waits
for others: one that arrives alone is flushed at once.

If the broker fails or does not answer in time, the reports go to the spool, and so do all that follow until the drain has reached
the broker again, so that nobody waits for a connection that was just refused. Raises ``SpoolUnavailable`` if neither takes them.
"""

import asyncio
import threading
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.unreadable_callback import Received, UnreadableCallback
from smsrelay.receiver.spool import Spool, SpoolUnavailable

_BROKER_TIMEOUT = 2.0  # seconds; the vendor waits 5 for our answer
_ANSWER_TIMEOUT = 4.0  # seconds, for the same reason
_PUBLISH_THREADS = 4  # some may hang on a silent broker; one must be free once it is back

_log: FilteringBoundLogger = structlog.get_logger()


class Kept(StrEnum):
    """Where a report was stored."""

    ENQUEUED = "enqueued"
    SPOOLED = "spooled"


@dataclass(eq=False, slots=True)
class _Batch:
    """Reports that are flushed together, and the callers that wait for each."""

    answer_timeout: float
    events: list[Received] = field(default_factory=list)
    waiting: list[asyncio.Future[Kept]] = field(default_factory=list)
    joined: list[float] = field(default_factory=list)  # when each began to wait, on the loop's clock
    timed_out: int = 0  # how many of them, the first ones
    timer: asyncio.TimerHandle | None = None

    def join(self, event: Received, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Kept]:
        """Add a report. The future is the caller's own, so that cancelling one caller does not cancel the flush of the others."""
        waiter: asyncio.Future[Kept] = loop.create_future()
        self.events.append(event)
        self.waiting.append(waiter)
        self.joined.append(loop.time())
        return waiter

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Time out the callers that have waited long enough, now and later; the flush continues.

        One timer for the whole batch, because one for each caller costs more than parsing the report.
        """
        now = loop.time()
        late = bisect_right(self.joined, now - self.answer_timeout)
        for waiter in self.waiting[self.timed_out : late]:
            if not waiter.done():
                waiter.set_exception(SpoolUnavailable("neither broker nor disk answered"))
        self.timed_out = late
        next_since = self.joined[late] if late < len(self.joined) else now  # later callers time out no earlier than this
        self.timer = loop.call_at(next_since + self.answer_timeout, self.watch, loop)

    def settle(self, flush: asyncio.Task[Kept]) -> None:
        """Give every caller the result of the flush."""
        if self.timer is not None:
            self.timer.cancel()
        for waiter in self.waiting:
            if waiter.done():
                continue
            if flush.cancelled():
                waiter.cancel()
            elif (error := flush.exception()) is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(flush.result())


class ReportBatcher:
    """For one event loop. ``broker_down`` is set here and cleared by the drain.

    ``broker_timeout``: seconds the broker has to answer; ``answer_timeout``: seconds a caller waits at most.
    """

    def __init__(
        self,
        publish: Callable[[Sequence[Received]], Awaitable[None]],
        spool: Spool,
        broker_down: threading.Event,
        broker_timeout: float = _BROKER_TIMEOUT,
        answer_timeout: float = _ANSWER_TIMEOUT,
    ) -> None:
        self._publish = publish
        self._spool = spool
        self._broker_down = broker_down
        self._broker_timeout = broker_timeout
        self._answer_timeout = answer_timeout
        self._flush_lock = asyncio.Lock()
        self._open_batch: _Batch | None = None  # takes reports until its flush starts
        self._flushes: set[asyncio.Task[Kept]] = set()  # the loop itself keeps only weak references to tasks
        self._spool_thread = ThreadPoolExecutor(1, "spool")

    async def keep(self, event: Received) -> Kept:
        """Store ``event`` durably; raises ``SpoolUnavailable``, and then it may or may not be stored."""
        loop = asyncio.get_running_loop()
        batch = self._open_batch or self._new_batch(loop)
        return await batch.join(event, loop)

    def _new_batch(self, loop: asyncio.AbstractEventLoop) -> _Batch:
        """Open a batch, which is flushed as soon as the flush before it is done."""
        batch = _Batch(self._answer_timeout)
        batch.watch(loop)
        flush = loop.create_task(self._flush(batch))
        flush.add_done_callback(batch.settle)
        flush.add_done_callback(self._flushes.discard)
        self._flushes.add(flush)
        self._open_batch = batch
        return batch

    async def _flush(self, batch: _Batch) -> Kept:
        async with self._flush_lock:
            self._open_batch = None  # later reports go into the next batch
            kept = await self._store(batch.events)
        _log.info(f"callback.{kept}", reports=[_log_label(event) for event in batch.events])
        return kept

    async def _store(self, events: Sequence[Received]) -> Kept:
        if not self._broker_down.is_set() and await self._published(events):
            return Kept.ENQUEUED
        await asyncio.get_running_loop().run_in_executor(self._spool_thread, self._spool.put, events)
        return Kept.SPOOLED

    async def _published(self, events: Sequence[Received]) -> bool:
        """Publish; returns whether the broker confirmed. After a timeout it may have them too, so reports can arrive twice."""
        try:
            async with asyncio.timeout(self._broker_timeout):
                await self._publish(events)
        except (BrokerUnavailable, TimeoutError) as error:
            self._broker_down.set()
            _log.error("broker.down", reason=str(error) or f"no answer in {self._broker_timeout} s")
            return False
        except Exception:  # noqa: BLE001  whatever it was, the disk may still take them
            _log.exception("publishing failed; the reports are spooled")
            return False
        return True


def in_threads(publish: Callable[[Sequence[Received]], None]) -> Callable[[Sequence[Received]], Awaitable[None]]:
    """Wrap a blocking ``publish`` for an event loop. Cancelling the wait does not stop it."""
    threads = ThreadPoolExecutor(_PUBLISH_THREADS, "publish")

    async def publish_in_thread(events: Sequence[Received]) -> None:
        await asyncio.get_running_loop().run_in_executor(threads, publish, events)

    return publish_in_thread


def _log_label(event: Received) -> str:
    """A report as the log shows it."""
    if isinstance(event, UnreadableCallback):
        return f"{event.token.message_id}/{event.token.attempt} unreadable"
    return f"{event.message_id or '?'}/{event.attempt or '?'} {event.code}"

"""ReportBatcher: makes one report after another durable before it is answered, on the broker or else in the spool.

Enters: ``StatusEvent`` and ``UnreadableCallback`` values, many at a time. Leaves: for each, where it is now. What arrives while a
flush is under way gathers and goes out together: one flush to the broker, one sync of the disk, one line of the log for all of
them. Nothing waits for more to come: a report that comes alone is flushed at once.
When the broker fails, or does not answer in time, the reports go to the spool, and so do all that follow until the drain has
seen the broker again: nobody waits for a connection that was just refused. Raises ``SpoolUnavailable`` when neither takes them.
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

_PATIENCE = 2.0  # seconds for the broker to answer; the vendor waits 5 for ours
_ANSWER_WITHIN = 4.0  # seconds, for the same reason
_PUBLISHING = 4  # threads: those that hang on a silent broker must leave one free when it is back

_log: FilteringBoundLogger = structlog.get_logger()


class Kept(StrEnum):
    """Where a report is safe."""

    ENQUEUED = "enqueued"
    SPOOLED = "spooled"


@dataclass(eq=False, slots=True)
class _Batch:
    """Reports that go out together, and who waits for each."""

    answer_within: float
    events: list[Received] = field(default_factory=list)
    waiting: list[asyncio.Future[Kept]] = field(default_factory=list)
    joined: list[float] = field(default_factory=list)  # when each began to wait, on the loop's clock
    told: int = 0  # how many of them were told that it takes too long
    timer: asyncio.TimerHandle | None = None

    def join(self, event: Received, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Kept]:
        """Take a report along; its outcome, which is the caller's own: one caller's end is not the end of the others' flush."""
        waiter: asyncio.Future[Kept] = loop.create_future()
        self.events.append(event)
        self.waiting.append(waiter)
        self.joined.append(loop.time())
        return waiter

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell those who have waited long enough that it takes too long, now and later; the flush goes on.

        One timer for all of them: one each cost more than reading the report.
        """
        now = loop.time()
        late = bisect_right(self.joined, now - self.answer_within)
        for waiter in self.waiting[self.told : late]:
            if not waiter.done():
                waiter.set_exception(SpoolUnavailable("neither broker nor disk answered"))
        self.told = late
        next_since = self.joined[late] if late < len(self.joined) else now  # who joins later has at least as long
        self.timer = loop.call_at(next_since + self.answer_within, self.watch, loop)

    def settle(self, flush: asyncio.Task[Kept]) -> None:
        """Tell everybody what became of the flush."""
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

    ``patience``: seconds the broker has to answer; ``answer_within``: seconds a caller waits at most.
    """

    def __init__(
        self,
        publish: Callable[[Sequence[Received]], Awaitable[None]],
        spool: Spool,
        broker_down: threading.Event,
        patience: float = _PATIENCE,
        answer_within: float = _ANSWER_WITHIN,
    ) -> None:
        self._publish = publish
        self._spool = spool
        self._broker_down = broker_down
        self._patience = patience
        self._answer_within = answer_within
        self._turn = asyncio.Lock()
        self._gathering: _Batch | None = None
        self._flushes: set[asyncio.Task[Kept]] = set()  # the loop itself holds tasks weakly
        self._spooling = ThreadPoolExecutor(1, "spool")

    async def keep(self, event: Received) -> Kept:
        """Make ``event`` durable; raises ``SpoolUnavailable``, and then it may or may not be."""
        loop = asyncio.get_running_loop()
        batch = self._gathering or self._gather(loop)
        return await batch.join(event, loop)

    def _gather(self, loop: asyncio.AbstractEventLoop) -> _Batch:
        """Begin a batch, to be flushed as soon as it is its turn."""
        batch = _Batch(self._answer_within)
        batch.watch(loop)
        flush = loop.create_task(self._flush(batch))
        flush.add_done_callback(batch.settle)
        flush.add_done_callback(self._flushes.discard)
        self._flushes.add(flush)
        self._gathering = batch
        return batch

    async def _flush(self, batch: _Batch) -> Kept:
        async with self._turn:
            self._gathering = None  # whoever comes from here on is in the next batch
            kept = await self._kept(batch.events)
        _log.info(f"callback.{kept}", reports=[_named(event) for event in batch.events])
        return kept

    async def _kept(self, events: Sequence[Received]) -> Kept:
        if not self._broker_down.is_set() and await self._published(events):
            return Kept.ENQUEUED
        await asyncio.get_running_loop().run_in_executor(self._spooling, self._spool.put, events)
        return Kept.SPOOLED

    async def _published(self, events: Sequence[Received]) -> bool:
        """Whether the broker has them for certain. One that answers too late has them as well: reports may come twice."""
        try:
            async with asyncio.timeout(self._patience):
                await self._publish(events)
        except (BrokerUnavailable, TimeoutError) as error:
            self._broker_down.set()
            _log.error("broker.down", reason=str(error) or f"no answer in {self._patience} s")
            return False
        except Exception:  # noqa: BLE001  whatever it was, the disk may still take them
            _log.exception("publishing failed; the reports are spooled")
            return False
        return True


def in_threads(publish: Callable[[Sequence[Received]], None]) -> Callable[[Sequence[Received]], Awaitable[None]]:
    """``publish`` for an event loop, where it may block; who stops waiting for it does not stop it."""
    threads = ThreadPoolExecutor(_PUBLISHING, "publish")

    async def publish_in_thread(events: Sequence[Received]) -> None:
        await asyncio.get_running_loop().run_in_executor(threads, publish, events)

    return publish_in_thread


def _named(event: Received) -> str:
    """A report as the log names it."""
    if isinstance(event, UnreadableCallback):
        return f"{event.token.message_id}/{event.token.attempt} unread"
    return f"{event.message_id or '?'}/{event.attempt or '?'} {event.code}"

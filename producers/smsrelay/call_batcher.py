"""CallBatcher: concurrent calls on an event loop share one round trip.

Calls that arrive while a flush is under way wait for it and then share the next one. A call never waits for others to come: one
that arrives alone is flushed at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Flush = Callable[[Sequence[Item], float], Awaitable[Sequence[Result]]]  # items, and an instant on the loop's clock
Follow = Callable[[Sequence[Result], float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Call(Generic[Item, Result]):
    item: Item
    until: float
    waiter: asyncio.Future[Result]


class CallBatcher(Generic[Item, Result]):
    """For one event loop. At most one flush is under way.

    ``flush`` returns one result for each item, in order, by an instant on the loop's clock, or raises for all of them.
    ``follow`` is what is still to be done with results before the callers have them. It raises nothing, ends by the instant it is
    given, and does not keep the next flush waiting.
    ``timeout``: seconds that a flush may take; ``late`` makes the exception of a caller that has waited until its instant.
    ``most``: how many calls share a flush at most.
    """

    def __init__(
        self,
        flush: Flush[Item, Result],
        follow: Follow[Result],
        late: Callable[[], Exception],
        timeout: float,
        most: int,
    ) -> None:
        self._flush, self._follow, self._late = flush, follow, late
        self._timeout, self._most = timeout, most
        self._turn = asyncio.Lock()
        self._open: list[_Call[Item, Result]] | None = None  # takes calls until it is flushed
        self._running: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references to tasks

    async def call(self, item: Item, until: float) -> Result:
        """The result for ``item``, not later than ``until``. Cancelling it leaves the other calls as they are."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Result] = loop.create_future()
        call = _Call(item, until, waiter)
        if self._open is not None and len(self._open) < self._most:
            self._open.append(call)
        else:
            batch = self._open = [call]  # complete before its task is made, which an eager loop runs at once
            task = loop.create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await waiter

    async def close(self) -> None:
        """Wait until every call has its result."""
        while self._running:
            await asyncio.wait(self._running)

    async def _run(self, batch: list[_Call[Item, Result]]) -> None:
        loop = asyncio.get_running_loop()
        timer = _Timer(batch, self._late, loop)
        try:
            async with self._turn:
                if self._open is batch:
                    self._open = None  # later calls go into the next batch
                wanted = [call for call in batch if not call.waiter.done()]  # others were cancelled, or are late
                if not wanted:
                    return
                results = await self._flush([call.item for call in wanted], loop.time() + self._timeout)
            timer.stop()
            await self._follow(results, wanted[0].until)
        except BaseException as error:
            timer.stop()
            _fail(batch, error)
            if not isinstance(error, Exception):
                raise
            return
        finally:
            timer.stop()
        for call, result in zip(wanted, results, strict=True):
            if not call.waiter.done():
                call.waiter.set_result(result)


class _Timer:
    """Ends the calls of a batch that are late; one for all of them, because one for each costs more than the rest of a call."""

    def __init__(self, batch: Sequence[_Call[Any, Any]], late: Callable[[], Exception], loop: asyncio.AbstractEventLoop) -> None:
        self._batch, self._late, self._loop = batch, late, loop
        self._handle = loop.call_at(batch[0].until, self._ring)

    def stop(self) -> None:
        self._handle.cancel()

    def _ring(self) -> None:
        now = self._loop.time()
        for call in self._batch:
            if call.until <= now and not call.waiter.done():
                call.waiter.set_exception(self._late())
        waiting = [call.until for call in self._batch if not call.waiter.done()]
        if waiting:  # calls that join later end no earlier than those
            self._handle = self._loop.call_at(min(waiting), self._ring)


def _fail(batch: Sequence[_Call[Any, Any]], error: BaseException) -> None:
    for call in batch:
        if call.waiter.done():
            continue
        if isinstance(error, Exception):
            call.waiter.set_exception(error)
        else:
            call.waiter.cancel()

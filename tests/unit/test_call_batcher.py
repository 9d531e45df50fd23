"""Concurrent calls share flushes, and none is held up or harmed by another."""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator, Sequence
from functools import partial
from typing import Any

import pytest
import uvloop

from smsrelay.call_batcher import CallBatcher

TIMEOUT = 5.0
RUNNERS: list[Callable[[Coroutine[Any, Any, None]], None]] = [asyncio.run, uvloop.run]


class Flushes:
    """What was flushed together; each flush waits until ``gate`` is open and answers ten times what it was given."""

    def __init__(self) -> None:
        self.done: list[list[int]] = []
        self.followed: list[list[int]] = []
        self.gate, self.behind, self.begun = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.behind.set()

    async def flush(self, items: Sequence[int], until: float) -> list[int]:
        self.begun.set()
        await self.gate.wait()
        self.done.append(list(items))
        if -1 in items:
            raise ConnectionError
        return [10 * item for item in items]

    async def follow(self, results: Sequence[int], until: float) -> None:
        await self.behind.wait()
        self.followed.append(list(results))

    def batcher(self, most: int = 100) -> CallBatcher[int, int]:
        return CallBatcher(self.flush, self.follow, lambda: ConnectionError("late"), TIMEOUT, most)


def soon(seconds: float = TIMEOUT) -> float:
    return asyncio.get_running_loop().time() + seconds


@pytest.fixture(params=RUNNERS, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    runner: Callable[[Coroutine[Any, Any, None]], None] = request.param
    return runner


Run = Callable[[Coroutine[Any, Any, None]], None]


def test_calls_that_come_during_a_flush_share_the_next_one(run: Run) -> None:
    async def play() -> None:
        flushes = Flushes()
        batcher = flushes.batcher()
        first = asyncio.create_task(batcher.call(1, soon()))
        await flushes.begun.wait()
        others = [asyncio.create_task(batcher.call(item, soon())) for item in (2, 3, 4)]
        await asyncio.sleep(0)
        flushes.gate.set()
        assert [await one for one in (first, *others)] == [10, 20, 30, 40]
        assert flushes.done == [[1], [2, 3, 4]]

    run(play())


def test_a_flush_takes_no_more_calls_than_allowed_and_keeps_their_order(run: Run) -> None:
    async def play() -> None:
        flushes = Flushes()
        flushes.gate.set()
        batcher = flushes.batcher(most=2)
        assert await asyncio.gather(*(batcher.call(item, soon()) for item in range(5))) == [0, 10, 20, 30, 40]
        assert flushes.done == [[0, 1], [2, 3], [4]]

    run(play())


def test_a_failed_flush_fails_its_own_calls_and_no_other(run: Run) -> None:
    async def play() -> None:
        flushes = Flushes()
        flushes.gate.set()
        batcher = flushes.batcher(most=2)
        results = await asyncio.gather(*(batcher.call(item, soon()) for item in (1, -1, 2)), return_exceptions=True)
        assert [type(one) for one in results] == [ConnectionError, ConnectionError, int]

    run(play())


def test_a_cancelled_call_is_left_out_and_harms_no_other(run: Run) -> None:
    async def play() -> None:
        flushes = Flushes()
        batcher = flushes.batcher()
        during, before, kept = (asyncio.create_task(batcher.call(item, soon())) for item in (1, 2, 3))
        await asyncio.sleep(0)
        before.cancel()
        await flushes.begun.wait()
        during.cancel()
        flushes.gate.set()
        assert await kept == 30
        assert during.cancelled()
        assert before.cancelled()

    run(play())


def test_a_call_ends_at_its_own_instant_while_the_flush_goes_on(run: Run) -> None:
    async def play() -> None:
        flushes = Flushes()
        batcher = flushes.batcher()
        early, patient = (asyncio.create_task(batcher.call(1, soon(wait))) for wait in (0.05, TIMEOUT))
        with pytest.raises(ConnectionError, match="late"):
            await early
        flushes.gate.set()
        assert await patient == 10

    run(play())


def test_calls_that_wait_for_their_turn_too_long_are_never_flushed(run: Run) -> None:
    async def play() -> None:
        flushes = Flushes()
        batcher = flushes.batcher()
        first = asyncio.create_task(batcher.call(1, soon()))
        await flushes.begun.wait()
        with pytest.raises(ConnectionError, match="late"):
            await batcher.call(2, soon(0.05))
        flushes.gate.set()
        assert await first == 10
        await batcher.close()
        assert flushes.done == [[1]]

    run(play())


def test_what_follows_a_flush_does_not_keep_the_next_one_waiting(run: Run) -> None:
    async def play() -> None:
        flushes = Flushes()
        flushes.gate.set()
        flushes.behind.clear()
        batcher = flushes.batcher(most=1)
        calls = [asyncio.create_task(batcher.call(item, soon())) for item in (1, 2)]
        while len(flushes.done) < 2:
            await asyncio.sleep(0)
        assert not any(call.done() for call in calls)
        flushes.behind.set()
        assert await asyncio.gather(*calls) == [10, 20]

    run(play())


def test_closing_waits_for_the_calls_that_run(run: Run) -> None:
    async def play() -> None:
        flushes = Flushes()
        batcher = flushes.batcher()
        call = asyncio.create_task(batcher.call(1, soon()))
        await flushes.begun.wait()
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        assert not closing.done()
        flushes.gate.set()
        await closing
        assert await call == 10

    run(play())


@types.coroutine
def _rest(begun: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    while True:
        try:
            value = yield waits_for
        except BaseException as error:  # noqa: BLE001  the coroutine decides
            step = partial(begun.throw, error)
        else:
            step = partial(begun.send, value)
        try:
            waits_for = step()
        except StopIteration as ended:
            return ended.value


def eager(loop: asyncio.AbstractEventLoop, coroutine: Any, **_: Any) -> "asyncio.Future[Any]":
    """A task that has run up to its first wait when it is made, as those of Python 3.12's ``asyncio.eager_task_factory``."""
    return asyncio.Task(_rest(coroutine, coroutine.send(None)), loop=loop)


def test_a_loop_that_begins_tasks_at_once_answers_every_call() -> None:
    async def play() -> None:
        loop, flushes = asyncio.get_running_loop(), Flushes()
        batcher = flushes.batcher()
        loop.set_task_factory(eager)
        try:
            calls = [asyncio.create_task(batcher.call(item, soon())) for item in (1, 2, 3)]
        finally:
            loop.set_task_factory(None)
        flushes.gate.set()
        async with asyncio.timeout(TIMEOUT):
            assert [await call for call in calls] == [10, 20, 30]

    asyncio.run(play())

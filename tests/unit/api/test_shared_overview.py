"""The relay's status is read once for all requests that ask at the same time, and none waits longer than it may."""

import asyncio
import threading

import pytest

from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.api.shared_overview import SharedOverview
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.rate_limit.shared_rate import RateState

_AT_ONCE = 50  # requests
_OVERVIEW = StatusOverview(RateState(1.0, False, 1.0, {}, None, None, None), {}, (), 0, 0, 0, 0, {}, (), (), (), {})


def test_requests_that_ask_at_the_same_time_share_one_reading() -> None:
    asked, answer = [], threading.Event()

    def read() -> StatusOverview:
        asked.append(1)
        answer.wait()
        return _OVERVIEW

    async def ask() -> list[StatusOverview]:
        overview = SharedOverview(read, timeout=60)
        waiting = [asyncio.ensure_future(overview.read()) for _ in range(_AT_ONCE)]
        while not asked:
            await asyncio.sleep(0)
        answer.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(ask()) == [_OVERVIEW] * _AT_ONCE
    assert len(asked) == 1


def test_a_reading_that_hangs_keeps_nobody_waiting_and_is_joined_instead_of_begun_again() -> None:
    asked, answer = [], threading.Event()

    def read() -> StatusOverview:
        asked.append(1)
        answer.wait()
        return _OVERVIEW

    async def ask() -> None:
        overview = SharedOverview(read, timeout=0.01)
        for _ in range(2):
            late = await asyncio.gather(*(overview.read() for _ in range(_AT_ONCE)), return_exceptions=True)
            assert {type(one) for one in late} == {StoreUnavailable}
        assert len(asked) == 1
        answer.set()

    asyncio.run(ask())


def test_a_reading_that_failed_is_begun_again() -> None:
    answers: list[StoreUnavailable | StatusOverview] = [StoreUnavailable("away"), _OVERVIEW]

    def read() -> StatusOverview:
        answer = answers.pop(0)
        if isinstance(answer, StoreUnavailable):
            raise answer
        return answer

    async def ask() -> StatusOverview:
        overview = SharedOverview(read, timeout=60)
        with pytest.raises(StoreUnavailable, match="away"):
            await overview.read()
        return await overview.read()

    assert asyncio.run(ask()) == _OVERVIEW

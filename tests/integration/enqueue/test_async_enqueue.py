"""AsyncEnqueuer: what Enqueuer promises, with shared round trips, and an event loop that is never blocked."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from smsrelay import (
    Accepted,
    AsyncEnqueuer,
    Enqueuer,
    ProducerSettings,
    ReferenceTaken,
    Refused,
    Rejection,
    SendJob,
    StoreUnavailable,
)
from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from tests.support.queues import published_ids
from tests.support.redis_server import running_redis
from tests.support.silent_server import silent_server
from tests.support.store_keys import KEYS

LIMIT = 1.0  # seconds
SCHEDULING = 0.9  # of a busy machine, in seconds
LANE = Lane.NOTICE
Run = Callable[[Coroutine[Any, Any, None]], None]
CALLS: dict[str, Callable[[AsyncEnqueuer], Awaitable[object]]] = {
    "enqueue": lambda enqueuer: enqueuer.enqueue(job()),
    "enqueue_many": lambda enqueuer: _all(enqueuer, [job()]),
    "enqueue_all": lambda enqueuer: enqueuer.enqueue_all([job()]),
    "status": lambda enqueuer: enqueuer.status("unknown"),
    "find": lambda enqueuer: enqueuer.find("shop", "unknown"),
    "cancel": lambda enqueuer: enqueuer.cancel("unknown"),
}


def job(number: int | None = None, **changes: Any) -> SendJob:
    reference = None if number is None else f"r{number}"
    return SendJob(
        **{"to": "13800138000", "template": "0000000", "params": ["1"], "lane": LANE, "reference": reference} | changes
    )


async def _all(enqueuer: AsyncEnqueuer, jobs: Any) -> list[Accepted | Refused]:
    return [result async for result in enqueuer.enqueue_many(jobs)]


def connected(url: str, broker: str | None = None) -> AsyncEnqueuer:
    urls = {"store_url": url, "broker_url": broker or url}
    return AsyncEnqueuer.connect(ProducerSettings(_env_file=None, number_keys="0123456789abcdef", enqueue_timeout=LIMIT, **urls))


def other_name(url: str) -> str:
    """The same database under another name, which counts as another broker."""
    return url.replace("127.0.0.1", "localhost")


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    runner: Run = request.param
    return runner


@pytest.fixture(params=["one Redis", "two"])
def broker(request: pytest.FixtureRequest, valkey_url: str) -> str:
    return valkey_url if request.param == "one Redis" else other_name(valkey_url)


@contextmanager
def within_the_limit() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < LIMIT + SCHEDULING


def test_a_job_is_recorded_and_published(run: Run, valkey_url: str, broker: str, redis: StoreRedis) -> None:
    async def play() -> None:
        async with connected(valkey_url, broker) as enqueuer:
            accepted = await enqueuer.enqueue(job(1))
            assert (accepted.new, accepted.lane) == (True, LANE)
            assert published_ids(redis, LANE) == [accepted.message_id]
            assert redis.exists(KEYS.message(accepted.message_id)) == 1
            assert await enqueuer.enqueue(job(1)) == Accepted(accepted.message_id, LANE, new=False)

    run(play())


def test_it_records_what_the_blocking_enqueuer_records(valkey_url: str, redis: StoreRedis) -> None:
    jobs = [job(1), job(2, app="shop", tags={"a": "b"}), job(3, to="+447400123456")]

    async def play() -> None:
        async with connected(valkey_url) as enqueuer:
            await asyncio.gather(*map(enqueuer.enqueue, jobs))

    asyncio.run(play())
    by_loop = _records(redis)
    redis.flushall()
    with Enqueuer.connect(ProducerSettings(_env_file=None, number_keys="0123456789abcdef", store_url=valkey_url)) as enqueuer:
        for one in jobs:
            enqueuer.enqueue(one)
    assert _records(redis) == by_loop
    assert len(by_loop) == 2 * len(jobs)


def test_jobs_that_are_enqueued_at_the_same_time_share_a_round_trip(run: Run, valkey_url: str, redis: StoreRedis) -> None:
    async def play() -> None:
        async with connected(valkey_url) as enqueuer:
            await enqueuer.enqueue(job())
            loop = asyncio.get_running_loop()
            before = await loop.run_in_executor(None, lambda: _runs(redis))
            accepted = await asyncio.gather(*(enqueuer.enqueue(job(number)) for number in range(40)))
            assert len({one.message_id for one in accepted}) == 40
            assert _runs(redis) - before == 1
            assert published_ids(redis, LANE)[1:] == [one.message_id for one in accepted]

    run(play())


def test_of_jobs_that_share_a_round_trip_each_has_its_own_result(
    run: Run, valkey_url: str, broker: str, redis: StoreRedis
) -> None:
    async def play() -> None:
        async with connected(valkey_url, broker) as enqueuer:
            await enqueuer.enqueue(job(1))
            jobs = [job(1), job(1, params=["2"]), job(2), job(3, lane=None), job(4)]
            results = await asyncio.gather(*map(enqueuer.enqueue, jobs), return_exceptions=True)
        assert [type(one) for one in results] == [Accepted, ReferenceTaken, Accepted, Rejection, Accepted]
        new = {one.message_id for one in results if isinstance(one, Accepted)}
        assert new <= set(published_ids(redis, LANE))

    run(play())


def test_a_cancelled_call_leaves_the_others_as_they_are(run: Run, valkey_url: str) -> None:
    async def play() -> None:
        async with connected(valkey_url) as enqueuer:
            calls = [asyncio.create_task(enqueuer.enqueue(job(number))) for number in range(20)]
            await asyncio.sleep(0)
            for call in calls[::2]:
                call.cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(one) for one in results] == [asyncio.CancelledError, Accepted] * 10
            assert (await enqueuer.enqueue(job(1))).new is False

    run(play())


def test_many_jobs_have_one_result_each_in_order(run: Run, valkey_url: str, broker: str, redis: StoreRedis) -> None:
    async def jobs() -> AsyncIterator[SendJob | Rejection]:
        for number in range(1_100):
            yield Rejection.of("to", "missing") if number == 600 else job(number)

    async def play() -> None:
        async with connected(valkey_url, broker) as enqueuer:
            results = await _all(enqueuer, jobs())
            again = await _all(enqueuer, (job(number) for number in range(3)))
        assert [place for place, one in enumerate(results) if isinstance(one, Refused)] == [600]
        assert isinstance(results[600], Refused)
        assert results[600].place == 600
        accepted = [one for one in results if isinstance(one, Accepted)]
        assert published_ids(redis, LANE)[: len(accepted)] == [one.message_id for one in accepted]
        assert [one.new for one in again if isinstance(one, Accepted)] == [False] * 3

    run(play())


def test_what_was_recorded_of_many_is_published_when_the_results_are_not_read(
    run: Run, valkey_url: str, redis: StoreRedis
) -> None:
    async def play() -> None:
        async with connected(valkey_url, other_name(valkey_url)) as enqueuer:
            results = enqueuer.enqueue_many(job(number) for number in range(1_600))
            assert isinstance(await anext(results), Accepted)
            await results.aclose()
        assert len(published_ids(redis, LANE)) == redis.zcard(KEYS.agenda) > 0

    run(play())


def test_a_list_is_accepted_whole_or_not_at_all(run: Run, valkey_url: str, redis: StoreRedis) -> None:
    async def play() -> None:
        async with connected(valkey_url) as enqueuer:
            with pytest.raises(Rejection, match=r"\[1\]\.lane"):
                await enqueuer.enqueue_all([job(1), job(2, lane=None)])
            assert redis.zcard(KEYS.agenda) == 0
            assert [one.new for one in await enqueuer.enqueue_all([job(1), job(2)])] == [True, True]
            with pytest.raises(ReferenceTaken, match=r"\[1\]\.reference"):
                await enqueuer.enqueue_all([job(3), job(2, params=["2"])])

    run(play())


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_loop_runs_on_while_the_store_is_silent_and_the_call_ends_within_its_limit(
    run: Run, paused_later: "tuple[str, subprocess.Popen[bytes]]", call: Callable[[AsyncEnqueuer], Awaitable[object]]
) -> None:
    url, server = paused_later
    beats = 0

    async def heartbeat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    async def play() -> None:
        async with connected(url) as enqueuer:
            await enqueuer.enqueue(job())
            server.send_signal(signal.SIGSTOP)
            beating = asyncio.create_task(heartbeat())
            try:
                with within_the_limit():
                    results = await asyncio.gather(*(call(enqueuer) for _ in range(5)), return_exceptions=True)
            finally:
                server.send_signal(signal.SIGCONT)
                beating.cancel()
            assert [type(one) for one in results] == [StoreUnavailable] * 5
            assert isinstance(await enqueuer.enqueue(job()), Accepted)

    run(play())
    assert beats >= 25  # of 100 that a free machine has time for


@pytest.mark.parametrize("broker", ["redis://127.0.0.1:{}/0", "amqp://127.0.0.1:{}/"])
def test_jobs_are_accepted_within_the_limit_while_the_broker_is_silent(run: Run, valkey_url: str, broker: str) -> None:
    async def play(port: int) -> None:
        async with connected(valkey_url, broker.format(port)) as enqueuer:
            with within_the_limit():
                results = await asyncio.gather(*(enqueuer.enqueue(job(number)) for number in range(600)))
            assert all(one.new for one in results)

    with silent_server() as port:
        run(play(port))


def test_a_store_that_refuses_connections_is_unavailable_at_once(run: Run, closed_port: int) -> None:
    async def play() -> None:
        async with connected(f"redis://127.0.0.1:{closed_port}/0") as enqueuer:
            for call in CALLS.values():
                with within_the_limit(), pytest.raises(StoreUnavailable):
                    await call(enqueuer)

    run(play())


def test_a_store_that_is_full_is_unavailable_and_takes_jobs_again_later(run: Run, valkey_url: str, redis: StoreRedis) -> None:
    async def play() -> None:
        async with connected(valkey_url) as enqueuer:
            redis.config_set("maxmemory", 1)
            try:
                with pytest.raises(StoreUnavailable, match="OOM"):
                    await enqueuer.enqueue(job())
            finally:
                redis.config_set("maxmemory", 0)
            assert (await enqueuer.enqueue(job())).new

    run(play())


def test_a_lost_connection_or_script_is_mended_without_the_caller_knowing(run: Run, valkey_url: str, redis: StoreRedis) -> None:
    async def play() -> None:
        async with connected(valkey_url) as enqueuer:
            await enqueuer.enqueue(job(1))
            redis.client_kill_filter(_type="normal", skipme=True)
            assert (await enqueuer.enqueue(job(2))).new
            redis.script_flush()
            assert (await enqueuer.enqueue(job(3))).new
            assert await enqueuer.cancel((await enqueuer.enqueue(job(4))).message_id)

    run(play())


def _records(redis: StoreRedis) -> dict[str, object]:
    """Everything stored about messages, but for what depends on the time."""
    found: dict[str, object] = {}
    for key in redis.scan_iter("{sms}:m:*"):
        found[key] = {name: value for name, value in redis.hgetall(key).items() if name not in {"at", "exp"}}
        payload = key.replace("{sms}:m:", "{sms}:p:")
        found[payload] = redis.get(payload)
    return found


def _runs(redis: StoreRedis) -> int:
    return int(redis.info("commandstats")["cmdstat_evalsha"]["calls"])


@pytest.fixture
def paused_later(tmp_path: Path, closed_port: int) -> Iterator["tuple[str, subprocess.Popen[bytes]]"]:
    with running_redis(tmp_path, "--port", str(closed_port)) as server:
        yield f"redis://127.0.0.1:{closed_port}/0", server

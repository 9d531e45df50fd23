"""An enqueuing call ends within SMSRELAY_ENQUEUE_TIMEOUT, whatever is silent and wherever it falls silent."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.enqueue import Accepted, Enqueuer
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import StoreRedis, StoreUnavailable
from tests.support.redis_server import running_redis
from tests.support.silent_server import silent_server

LIMIT = 1.0  # seconds
SCHEDULING = 0.9  # of a busy machine, in seconds

CALLS: dict[str, Callable[[Enqueuer], list[object]]] = {
    "enqueue": lambda enqueuer: [enqueuer.enqueue(job())],
    "enqueue_many": lambda enqueuer: list(enqueuer.enqueue_many([job()])),
    "enqueue_all": lambda enqueuer: list(enqueuer.enqueue_all([job()])),
}
BROKERS = ("redis://127.0.0.1:{}/0", "rediss://127.0.0.1:{}/0", "amqp://127.0.0.1:{}/", "amqps://127.0.0.1:{}/")


def job() -> SendJob:
    return SendJob(to="13800138000", template="0000000", lane="otp")


def connected(store_url: str, broker_url: str) -> Enqueuer:
    urls = {"store_url": store_url, "broker_url": broker_url}
    return Enqueuer.connect(ProducerSettings(_env_file=None, number_keys="0123456789abcdef", enqueue_timeout=LIMIT, **urls))


@contextmanager
def within_the_limit() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < LIMIT + SCHEDULING


@pytest.fixture
def silent_port() -> Iterator[int]:
    with silent_server() as port:
        yield port


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_store_that_accepts_and_never_answers_is_unavailable_within_the_limit(
    silent_port: int, call: Callable[[Enqueuer], list[object]]
) -> None:
    url = f"redis://127.0.0.1:{silent_port}/0"
    with connected(url, url) as enqueuer:
        for _ in range(2):  # with the first connection, and with the next one
            with within_the_limit(), pytest.raises(StoreUnavailable):
                call(enqueuer)


def test_a_store_that_never_answers_a_tls_handshake_is_unavailable_within_the_limit(silent_port: int) -> None:
    url = f"rediss://127.0.0.1:{silent_port}/0"
    with connected(url, url) as enqueuer, within_the_limit(), pytest.raises(StoreUnavailable):
        enqueuer.enqueue(job())


@pytest.mark.parametrize("broker", BROKERS)
def test_a_job_is_accepted_within_the_limit_while_the_broker_accepts_and_never_answers(
    silent_port: int, valkey_url: str, broker: str
) -> None:
    with connected(valkey_url, broker.format(silent_port)) as enqueuer:
        for call in CALLS.values():
            with within_the_limit():
                [accepted] = call(enqueuer)
            assert isinstance(accepted, Accepted)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_store_that_falls_silent_behind_an_open_connection_is_unavailable_within_the_limit(
    paused_later: "tuple[str, subprocess.Popen[bytes]]", call: Callable[[Enqueuer], list[object]]
) -> None:
    url, server = paused_later
    with connected(url, url) as enqueuer:
        enqueuer.enqueue(job())
        server.send_signal(signal.SIGSTOP)
        with within_the_limit(), pytest.raises(StoreUnavailable):
            call(enqueuer)
        server.send_signal(signal.SIGCONT)
        assert isinstance(enqueuer.enqueue(job()), Accepted)


def test_time_that_passes_between_two_results_does_not_count(valkey_url: str, redis: StoreRedis) -> None:
    with connected(valkey_url, valkey_url) as enqueuer:
        results = enqueuer.enqueue_many(job() for _ in range(1_100))
        first = next(results)
        redis.blpop("nothing comes", timeout=LIMIT + 0.1)
        assert isinstance(first, Accepted)
        assert len(list(results)) == 1_099


@pytest.fixture
def paused_later(tmp_path: Path, closed_port: int) -> Iterator["tuple[str, subprocess.Popen[bytes]]"]:
    with running_redis(tmp_path, "--port", str(closed_port)) as server:
        yield f"redis://127.0.0.1:{closed_port}/0", server

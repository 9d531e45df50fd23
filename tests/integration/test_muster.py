"""Which worker processes are alive, in a real store, and as commands show it."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry
from redis import Redis
from structlog.testing import capture_logs

from producers import keys
from tests.waiting import eventually
from worker.boot import MusterStep
from worker.limit import Limit
from worker.metrics import RelayCollector
from worker.muster import GONE, Muster, WorkerProcess
from worker.operator import Operator
from worker.put_off import PutOff
from worker.store import Store

OTP = WorkerProcess("worker-otp@host", "host", 7, ("sms.otp",), 1_800_000_000_000)
ALL = WorkerProcess("worker@other", "other", 8, ("sms.otp", "sms.status"), 1_800_000_000_000)


@pytest.fixture
def muster(redis: Redis) -> Muster:
    return Muster(redis)


def status(url: str, *arguments: str) -> str:
    environment = {"PATH": "/usr/bin:/bin", "SMSRELAY_STORE_URL": url}
    command = [sys.executable, "-m", "worker", "status", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_process_is_alive_once_however_often_it_says_so_and_gone_when_it_leaves(muster: Muster) -> None:
    for process in (ALL, OTP, OTP):
        muster.alive(process)
    assert muster.processes() == (OTP, ALL)
    muster.leaves(OTP)
    assert muster.processes() == (ALL,)


def test_a_process_that_fell_silent_is_gone(muster: Muster, redis: Redis) -> None:
    muster.alive(OTP)
    muster.alive(ALL)
    redis.zincrby(keys.WORKERS, -1000 * (GONE + 1), OTP.encode())
    assert muster.processes() == (ALL,)
    assert redis.zcard(keys.WORKERS) == 1
    assert 0 < redis.pttl(keys.WORKERS) <= GONE * 1000


def test_status_says_who_works(muster: Muster, valkey_url: str) -> None:
    assert "workers: none is alive" in status(valkey_url)
    muster.alive(OTP)
    assert "worker worker-otp@host: sms.otp; process 7 on host since " in status(valkey_url)
    [shown] = json.loads(status(valkey_url, "--json"))["workers"]
    assert (shown["name"], shown["pid"], shown["queues"]) == ("worker-otp@host", 7, ["sms.otp"])


def test_metrics_count_the_processes_of_each_queue(muster: Muster, redis: Redis) -> None:
    muster.alive(OTP)
    muster.alive(ALL)
    registry = CollectorRegistry()
    registry.register(RelayCollector(Operator(Store(redis, 60), Limit(redis, 1), PutOff(redis), muster)))
    found = {queue: registry.get_sample_value("smsrelay_workers", {"queue": queue}) for queue in ("sms.otp", "sms.notice")}
    assert found == {"sms.otp": 2, "sms.notice": 0}


def test_the_heartbeat_outlives_what_nobody_foresaw(redis: Redis, muster: Muster) -> None:
    """Its thread is the only one that tells of the process."""
    redis.set(keys.WORKERS, "no sorted set")  # a fault that says nothing of an outage
    amqp = SimpleNamespace(queues=SimpleNamespace(consume_from={"sms.otp": None}))
    worker = SimpleNamespace(hostname="worker-otp@host", app=SimpleNamespace(amqp=amqp, relay=SimpleNamespace(muster=muster)))
    step = MusterStep(worker)
    with capture_logs() as told:
        step.start(worker)
        try:
            eventually(lambda: "not told that this worker is alive" in [line["event"] for line in told], "it fails")
            redis.delete(keys.WORKERS)
            eventually(lambda: [one.name for one in muster.processes()] == ["worker-otp@host"], "it is told all the same")
        finally:
            step.stop(worker)
    assert muster.processes() == ()

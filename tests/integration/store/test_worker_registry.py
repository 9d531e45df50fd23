"""Which worker processes are alive, in a real store, and as commands show it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from smsrelay.store.connection import StoreRedis
from smsrelay_worker.consumer.bootsteps import WorkerRegistryStep
from smsrelay_worker.operations.metrics.collector import RelayCollector
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.shared_settings import SharedSettings
from smsrelay_worker.store.worker_registry import GONE, WorkerProcess, WorkerRegistry
from tests.support.forked_command import run_command
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

GIVEN = SharedSettings(
    "0.1.0",
    100.0,
    "submits",
    300.0,
    72.0,
    "0011aabb",
    "none",
    "none",
    "aaaa",
    "bbbb,cccc",
    limits="2233ccdd",
    payload_keys="none",
)
OTP = WorkerProcess("worker-otp@host", "host", 7, ("sms.otp",), 1_800_000_000_000, GIVEN)
ALL = WorkerProcess("worker@other", "other", 8, ("sms.otp", "sms.status"), 1_800_000_000_000, GIVEN)


@pytest.fixture
def muster(redis: StoreRedis) -> WorkerRegistry:
    return WorkerRegistry(redis)


def status(url: str, *arguments: str) -> str:
    environment = {"PATH": "/usr/bin:/bin", "SMSRELAY_STORE_URL": url}
    ended = run_command(("status", *arguments), environment)
    ended.check_returncode()
    return ended.stdout


def test_a_process_is_alive_once_however_often_it_says_so_and_gone_when_it_leaves(muster: WorkerRegistry) -> None:
    for process in (ALL, OTP, OTP):
        muster.alive(process)
    assert muster.processes() == (OTP, ALL)
    muster.leaves(OTP)
    assert muster.processes() == (ALL,)


def test_a_process_that_fell_silent_is_gone(muster: WorkerRegistry, redis: StoreRedis) -> None:
    muster.alive(OTP)
    muster.alive(ALL)
    redis.zincrby(KEYS.workers, -1000 * (GONE + 1), OTP.encode())
    assert muster.processes() == (ALL,)
    muster.alive(ALL)
    assert redis.zcard(KEYS.workers) == 1
    assert 0 < redis.pttl(KEYS.workers) <= GONE * 1000


def test_status_says_who_works(muster: WorkerRegistry, valkey_url: str) -> None:
    assert "not submitting: no worker is alive" in status(valkey_url)
    muster.alive(OTP)
    assert "worker worker-otp@host: sms.otp; process 7 on host since " in status(valkey_url)
    [shown] = json.loads(status(valkey_url, "--json"))["workers"]
    assert (shown["name"], shown["pid"], shown["queues"]) == ("worker-otp@host", 7, ["sms.otp"])


def test_metrics_count_the_processes_of_each_queue(muster: WorkerRegistry, valkey_url: str) -> None:
    muster.alive(OTP)
    muster.alive(ALL)
    registry = CollectorRegistry()
    registry.register(RelayCollector(Operations.wire(OperatorSettings(_env_file=None, store_url=valkey_url))))
    found = {queue: registry.get_sample_value("smsrelay_workers", {"queue": queue}) for queue in ("sms.otp", "sms.notice")}
    assert found == {"sms.otp": 2, "sms.notice": 0}


def test_the_rate_shown_is_the_workers_and_not_the_shells(muster: WorkerRegistry, valkey_url: str) -> None:
    assert "rate: 100 a second (SMSRELAY_RATE)" in status(valkey_url)
    muster.alive(replace(OTP, given=replace(GIVEN, rate=37.5)))
    assert "rate: 37.5 a second (SMSRELAY_RATE)" in status(valkey_url)


def test_status_names_what_the_workers_do_not_share(muster: WorkerRegistry, valkey_url: str) -> None:
    muster.alive(OTP)
    assert "differ" not in status(valkey_url)
    muster.alive(replace(ALL, given=replace(GIVEN, rate=200.0, policy="ffff0000")))
    shown = status(valkey_url)
    assert "the workers differ in SMSRELAY_RATE: 100 (worker-otp@host), 200 (worker@other)" in shown
    assert "the workers differ in the policy (SMSRELAY_POLICY): 0011aabb (worker-otp@host), ffff0000 (worker@other)" in shown
    told = json.loads(status(valkey_url, "--json"))["differences"]
    assert [one["setting"] for one in told] == ["SMSRELAY_RATE", "the policy (SMSRELAY_POLICY)"]


def test_a_process_of_a_version_that_reports_no_configuration_is_listed_all_the_same(
    muster: WorkerRegistry, redis: StoreRedis
) -> None:
    muster.alive(OTP)
    [line] = redis.zrange(KEYS.workers, 0, -1)
    older = {name: value for name, value in json.loads(line).items() if name != "given"} | {"pid": 9}
    redis.zadd(KEYS.workers, {json.dumps(older): redis.zscore(KEYS.workers, line) or 0})
    assert [(one.pid, one.given) for one in muster.processes()] == [(7, GIVEN), (9, None)]


def test_the_heartbeat_outlives_what_nobody_foresaw(redis: StoreRedis, muster: WorkerRegistry) -> None:
    """Its thread is the only one that tells of the process."""
    redis.set(KEYS.workers, "no sorted set")  # a fault that says nothing of an outage
    amqp = SimpleNamespace(queues=SimpleNamespace(consume_from={"sms.otp": None}))
    app = SimpleNamespace(amqp=amqp, relay=SimpleNamespace(worker_registry=muster, shared_settings=GIVEN))
    worker = SimpleNamespace(hostname="worker-otp@host", app=app, consumer=None)
    step = WorkerRegistryStep(worker)
    with capture_logs() as told:
        step.start(worker)
        try:
            eventually(lambda: "heartbeat not recorded" in [line["event"] for line in told], "it fails")
            redis.delete(KEYS.workers)
            eventually(lambda: [one.name for one in muster.processes()] == ["worker-otp@host"], "it is told all the same")
        finally:
            step.stop(worker)
    assert muster.processes() == ()

"""What Prometheus is told, read from a real store: every counter, histogram and gauge, in a form that its own tool accepts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.suppression import app_list
from smsrelay.enqueue import Enqueuer
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.receiver_registry import LISTED_FOR, ReceiverProcess, ReceiverRegistry
from smsrelay.store.records import Records
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.traffic.halts import Halts
from smsrelay_worker.operations.metrics.collector import RelayCollector
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.worker_registry import WorkerProcess, WorkerRegistry
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import NUMBER_KEYS, ended, job, recording
from tests.support.prometheus import promtool
from tests.support.store_keys import KEYS

Told = Callable[..., float | None]
HERE = ReceiverProcess("receiver@a", "a", 7, 1_800_000_000_000, "spool-1", 3, 5, 40)


@pytest.fixture
def registry(valkey_url: str) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(RelayCollector(Operations.wire(OperatorSettings(_env_file=None, store_url=valkey_url))))
    return registry


@pytest.fixture
def told(registry: CollectorRegistry) -> Told:
    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"smsrelay_{name}", labels)

    return value


def test_counters_and_histograms_are_those_of_the_store(told: Told, door: Enqueuer, store: Records, redis: StoreRedis) -> None:
    assert told("callbacks_total", result="applied") == 0
    assert told("begin_wait_seconds_count", lane="otp") == 0
    assert told("final_total", lane="otp", state="expired", code="none") == 0, "or the first that expire are no increase"
    message_id = door.enqueue(job(Lane.OTP, app="shop")).message_id
    attempt = replace(ended(store, message_id, "me", Answer(Kind.REFUSED, "http_400")), took=0.3)
    assert told("in_flight", lane="otp") == 1
    recording(store, redis).record(attempt)
    assert told("accepted_total", app="shop", lane="otp") == 1
    assert told("submits_total", vendor="yisha", lane="otp", kind="refused", code="http_400") == 1
    assert told("final_total", lane="otp", state="failed", code="http_400") == 1
    assert told("submit_duration_seconds_sum", vendor="yisha") == pytest.approx(0.3)
    assert told("submit_duration_seconds_bucket", vendor="yisha", le="0.25") == 0
    assert told("submit_duration_seconds_bucket", vendor="yisha", le="0.5") == 1
    assert told("submit_duration_seconds_bucket", vendor="yisha", le="+Inf") == 1
    assert told("begin_wait_seconds_count", lane="otp") == 1


def test_lists_and_halted_parts_without_end_are_a_bounded_number_of_series(
    registry: CollectorRegistry, told: Told, redis: StoreRedis
) -> None:
    lists, halts = Suppressions(redis, NUMBER_KEYS), Halts(redis)
    for app in range(120):
        lists.add([f"+86138001{number:05d}" for number in range(1 + app % 2)], app_list(f"app-{app}"), "test")
        halts.halt(f"app:app-{app}")
    lines = generate_latest(registry).decode().splitlines()
    for name, most in (("suppressed", 101), ("held", 101), ("halted_part_timestamp_seconds", 100)):
        assert len([line for line in lines if line.startswith(f"smsrelay_{name}{{")]) == most
    assert told("suppressed", list="other") == 20
    assert told("suppressed", list="app:app-1") == 2


def test_the_lint_of_prometheus_finds_nothing_wrong(
    registry: CollectorRegistry, door: Enqueuer, store: Records, redis: StoreRedis, tmp_path: Path
) -> None:
    ReceiverRegistry(redis).alive(HERE)
    recording(store, redis).record(ended(store, door.enqueue(job()).message_id, "me", Answer(Kind.REFUSED, "http_400")))
    linted = promtool("check", "metrics", folder=tmp_path, given=generate_latest(registry).decode())
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_the_oldest_that_waits_is_told_by_lane_and_nothing_where_none_waits(
    told: Told, door: Enqueuer, redis: StoreRedis
) -> None:
    door.enqueue(job(Lane.OTP))
    seconds, _ = redis.time()
    assert told("oldest_waiting_timestamp_seconds", lane="otp") == pytest.approx(int(seconds), abs=5)
    assert told("oldest_waiting_timestamp_seconds", lane="notice") is None


def test_how_long_a_lane_may_wait_is_told_as_it_was_set(valkey_url: str) -> None:
    registry = CollectorRegistry()
    settings = OperatorSettings(_env_file=None, store_url=valkey_url, wait_bound_notice=90)
    registry.register(RelayCollector(Operations.wire(settings)))
    bounds = [registry.get_sample_value("smsrelay_waiting_bound_seconds", {"lane": lane.value}) for lane in Lane]
    assert bounds == [60.0, 90.0, 14_400.0]


def test_a_halt_is_told_with_its_code(told: Told, redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 10.0)
    limiter.halt("A403JT")
    assert told("halt_timestamp_seconds", code="A403JT") is not None
    limiter.halt_by_operator()
    assert told("halt_timestamp_seconds", code="A403JT") is None
    assert told("halt_timestamp_seconds", code="operator") is not None


def test_a_store_that_refuses_writes_is_up_and_not_writable(told: Told, valkey_url: str, redis: StoreRedis) -> None:
    assert (told("store_up"), told("store_writable")) == (1, 1)
    redis.config_set("maxmemory", 1)
    try:
        assert (told("store_up"), told("store_writable")) == (1, 0)
    finally:
        redis.config_set("maxmemory", 0)
    assert told("undecodable", kind="job") == 0


def test_hosts_tell_how_far_their_clocks_are_apart_and_what_they_have_spooled(told: Told, redis: StoreRedis) -> None:
    receivers, workers = ReceiverRegistry(redis), WorkerRegistry(redis)
    receivers.alive(HERE)
    receivers.alive(replace(HERE, pid=8, spooled=5))  # of the same spool, and the newest word on it
    receivers.alive(replace(HERE, pid=9, spool="spool-2", spooled=1))
    workers.alive(WorkerProcess("worker@b", "b", 1, ("sms.otp",), 5, clock=-2500))
    assert told("spool_reports", host="a") == 6
    assert (told("clock_skew_seconds", host="a"), told("clock_skew_seconds", host="b")) == (0.04, -2.5)
    assert told("receiver_last_seen_timestamp_seconds", host="a") is not None


def test_a_receiver_that_was_killed_stays_known_for_a_day_and_one_that_stopped_does_not(redis: StoreRedis) -> None:
    receivers, gone = ReceiverRegistry(redis), replace(HERE, pid=8)
    receivers.alive(HERE)
    receivers.alive(replace(HERE, spooled=4), HERE)
    receivers.alive(gone)
    receivers.leaves(gone)
    [listed] = receivers.receivers()
    assert (listed.spooled, listed.last_seen > 0) == (4, True)
    redis.zincrby(KEYS.receivers, -1000 * (LISTED_FOR + 1), replace(HERE, spooled=4).encode())
    assert receivers.receivers() == ()


def test_a_scrape_of_a_store_that_is_away_tells_that_and_nothing_else(closed_port: int) -> None:
    registry = CollectorRegistry()
    registry.register(
        RelayCollector(Operations.wire(OperatorSettings(_env_file=None, store_url=f"redis://127.0.0.1:{closed_port}/0")))
    )
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert lines == ["smsrelay_store_up 0.0"]


def test_no_count_goes_back_although_the_store_has_lost_its_last_second(told: Told, door: Enqueuer, redis: StoreRedis) -> None:
    for _ in range(4):
        door.enqueue(job())
    before = redis.hget(KEYS.counts, "accepted|default|notice")
    assert told("accepted_total", app="default", lane="notice") == 4 == int(before or 0)
    redis.hset(KEYS.counts, "accepted|default|notice", 3)
    assert told("accepted_total", app="default", lane="notice") == 4


def test_a_server_that_was_emptied_starts_again(told: Told, door: Enqueuer, valkey_url: str) -> None:
    for _ in range(4):
        door.enqueue(job())
    assert told("accepted_total", app="default", lane="notice") == 4
    with open_store(StoreAddress(valkey_url)) as client:
        client.flushdb()
    door.enqueue(job())
    assert told("accepted_total", app="default", lane="notice") == 1

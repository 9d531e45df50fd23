"""enqueue_many on a real store and broker: a result a job in order, bounded reading ahead, shared round trips."""

import json
from collections.abc import Iterator

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import referenced_id
from smsrelay.contract.rejection import Rejection
from smsrelay.enqueue import CHUNK, Accepted, Enqueuer, Refused
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import StoreRedis, StoreUnavailable
from smsrelay.store.outbox import PER_CALL
from tests.support.queues import published_ids, queued
from tests.support.store_keys import KEYS

NUMBER, CODE = "+8613800138000", "739148"
BATCH = 500


def job(**changes: object) -> SendJob:
    return SendJob.decode({"to": NUMBER, "template": "0000000", "params": [CODE], "lane": "marketing"} | changes)


def connected(store_url: str, broker_url: str) -> Enqueuer:
    return Enqueuer.connect(
        ProducerSettings(_env_file=None, number_keys="0123456789abcdef", store_url=store_url, broker_url=broker_url)
    )


@pytest.fixture
def enqueuer(valkey_url: str) -> Iterator[Enqueuer]:
    with connected(valkey_url, valkey_url) as door:
        yield door


def test_every_job_has_one_result_in_order(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    count = 2 * BATCH + 1
    results = list(enqueuer.enqueue_many(job(reference=str(number)) for number in range(count)))
    expected = [referenced_id("default", str(number)) for number in range(count)]
    assert results == [Accepted(message_id, Lane.MARKETING, new=True) for message_id in expected]
    assert redis.zrange(KEYS.outbox(Lane.MARKETING), 0, -1) == published_ids(redis, Lane.MARKETING) == expected
    assert {len(task["body"][1]["ids"]) for task in queued(redis, Lane.MARKETING)} == {CHUNK, 1}


def test_wrong_jobs_are_named_by_place_and_keep_no_other_out(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    late = job(expires_at="2001-01-01T00:00:00Z")
    jobs = [job(), Rejection.of("to", "not a phone number"), late, job(), job(lane=None)]
    results = list(enqueuer.enqueue_many(jobs))
    assert [type(one) for one in results] == [Accepted, Refused, Refused, Accepted, Refused]
    refused = [one for one in results if isinstance(one, Refused)]
    assert [(one.place, one.problems[0].field) for one in refused] == [(1, "to"), (2, "expires_at"), (4, "lane")]
    assert len(published_ids(redis, Lane.MARKETING)) == redis.zcard(KEYS.agenda) == 2


def test_nothing_but_wrong_jobs_records_nothing(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    wrong = Rejection.of("to", "not a phone number")
    assert [one.place for one in enqueuer.enqueue_many([wrong] * (BATCH + 1))] == list(range(BATCH + 1))
    assert list(redis.scan_iter()) == []


def test_a_repeated_reference_is_the_same_message_and_a_taken_one_is_named(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    enqueuer.enqueue(job(reference="b"))
    jobs = [job(reference="a"), job(reference="a"), job(reference="b", params=["1"]), job(reference="b"), job(reference="c")]
    first, again, taken, known, last = enqueuer.enqueue_many(jobs)
    assert (first, again) == (
        Accepted(referenced_id("default", "a"), Lane.MARKETING, new=True),
        Accepted(first.message_id, Lane.MARKETING, new=False),
    )
    assert (taken.place, taken.problems[0].field) == (2, "reference")
    assert (known.new, last.new) == (False, True)
    assert redis.zcard(KEYS.agenda) == redis.xlen(KEYS.events) == 3


def test_the_lanes_of_one_batch_are_kept_apart(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    lanes = [Lane.NOTICE, Lane.OTP, Lane.MARKETING, Lane.OTP]
    results = list(enqueuer.enqueue_many(job(lane=lane.value) for lane in lanes))
    for lane in Lane:
        ids = [one.message_id for one in results if isinstance(one, Accepted) and one.lane is lane]
        assert published_ids(redis, lane) == redis.zrange(KEYS.outbox(lane), 0, -1) == ids


def test_jobs_are_read_at_most_two_batches_ahead_of_their_results(enqueuer: Enqueuer) -> None:
    read = 0

    def jobs() -> Iterator[SendJob]:
        nonlocal read
        for _ in range(6 * BATCH):
            read += 1
            yield job()

    for told, _ in enumerate(enqueuer.enqueue_many(jobs())):
        assert read <= told + 2 * BATCH


def test_nothing_happens_before_the_results_are_read(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    results = enqueuer.enqueue_many([job()])
    assert list(redis.scan_iter()) == []
    assert len(list(results)) == redis.zcard(KEYS.agenda) == 1


def test_whoever_stops_reading_leaves_no_message_recorded_and_unpublished(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    results = enqueuer.enqueue_many(job() for _ in range(4 * BATCH))
    next(results)
    results.close()
    recorded = redis.zrange(KEYS.outbox(Lane.MARKETING), 0, -1)
    assert published_ids(redis, Lane.MARKETING) == recorded
    assert len(recorded) == 2 * BATCH


def test_jobs_that_fail_on_the_way_leave_no_message_recorded_and_unpublished(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    def jobs() -> Iterator[SendJob]:
        yield from (job() for _ in range(BATCH))
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="the file is gone"):
        list(enqueuer.enqueue_many(jobs()))
    assert len(published_ids(redis, Lane.MARKETING)) == redis.zcard(KEYS.outbox(Lane.MARKETING)) == BATCH


def test_a_store_that_goes_away_in_the_middle_says_so_and_a_second_run_completes(
    valkey_url: str, redis: StoreRedis, enqueuer: Enqueuer
) -> None:
    jobs = [job(reference=str(number)) for number in range(3 * BATCH)]
    results = enqueuer.enqueue_many(jobs)
    next(results)
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            list(results)
    finally:
        redis.config_set("maxmemory", 0)
    again = list(enqueuer.enqueue_many(jobs))
    assert len({one.message_id for one in again}) == redis.zcard(KEYS.agenda) == len(jobs)


def test_a_connection_that_is_cut_in_the_middle_is_no_loss_and_no_double(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    results = enqueuer.enqueue_many(job(reference=str(number)) for number in range(3 * BATCH))
    next(results)
    redis.client_kill_filter(_type="normal", skipme=True)
    assert len(list(results)) == 3 * BATCH - 1
    assert redis.zcard(KEYS.agenda) == redis.zcard(KEYS.outbox(Lane.MARKETING)) == redis.xlen(KEYS.events) == 3 * BATCH


def test_a_store_that_forgot_the_script_is_given_it_again(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    redis.script_flush()
    assert len(list(enqueuer.enqueue_many([job()] * (BATCH + 1)))) == redis.zcard(KEYS.agenda) == BATCH + 1


def test_jobs_are_accepted_while_the_broker_is_away(valkey_url: str, redis: StoreRedis, closed_port: int) -> None:
    with connected(valkey_url, f"redis://127.0.0.1:{closed_port}/0") as door:
        assert len(list(door.enqueue_many([job()] * 3))) == redis.zcard(KEYS.outbox(Lane.MARKETING)) == 3


def test_a_thousand_jobs_cost_the_store_eight_commands_each_and_a_fiftieth_of_the_rest(
    enqueuer: Enqueuer, redis: StoreRedis
) -> None:
    count = 2 * BATCH
    list(enqueuer.enqueue_many([job()]))  # connections, the script
    redis.config_resetstat()
    list(enqueuer.enqueue_many(job() for _ in range(count)))
    calls = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in redis.info("commandstats").items()}
    asked = {name: calls.get(name, 0) for name in ("evalsha", "lpush", "incrby")}
    assert asked == {"evalsha": count // PER_CALL, "lpush": count // CHUNK, "incrby": count // PER_CALL}
    assert {name: calls[name] / count for name in ("hset", "set", "xadd", "zcard", "persist")} == dict.fromkeys(
        ("hset", "set", "xadd", "zcard", "persist"), 1
    )
    assert calls["hmget"] == 2 * count + count // PER_CALL  # marketing: is it known, and is the number suppressed
    assert calls["zadd"] == count + 2 * count // PER_CALL
    assert sum(calls.values()) < 8.5 * count


def test_bytes_of_a_job_reach_the_store_as_they_are(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    params = ['亲爱的 "张三" \\ / 😀', "{}", "null"]
    [accepted] = enqueuer.enqueue_many([job(params=params, reference='参考 "1" \\')])
    assert json.loads(redis.get(KEYS.payload(accepted.message_id)) or "") == {"to": NUMBER, "params": params}
    assert redis.hget(KEYS.message(accepted.message_id), "ref") == '参考 "1" \\'

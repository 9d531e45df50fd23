"""Where broker and store are one Redis, recording and publishing are one step: what it publishes, leaves out and costs."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import CHUNK, Accepted, Enqueuer, ReferenceTaken, Refused
from smsrelay.settings import ProducerSettings
from smsrelay.store import outbox
from smsrelay.store.connection import StoreRedis
from smsrelay.store.outbox import PER_CALL
from tests.support.commands import reads, spent
from tests.support.lossy import losing_one_answer
from tests.support.queues import published_ids, queued
from tests.support.store_keys import KEYS

LANE = Lane.NOTICE


def job(**changes: object) -> SendJob:
    return SendJob.decode({"to": "13800138000", "template": "0000000", "params": ["1"], "lane": LANE.value} | changes)


def connected(store_url: str, broker_url: str) -> Enqueuer:
    return Enqueuer.connect(
        ProducerSettings(_env_file=None, number_keys="0123456789abcdef", store_url=store_url, broker_url=broker_url)
    )


@pytest.fixture
def enqueuer(valkey_url: str) -> Iterator[Enqueuer]:
    with connected(valkey_url, valkey_url) as door:
        door.enqueue(job())  # connects, asks for the time, brings the script
        yield door


@pytest.fixture
def two_steps(valkey_url: str) -> Iterator[Enqueuer]:
    """The same database under another name, which counts as another broker."""
    with connected(valkey_url, valkey_url.replace("127.0.0.1", "localhost")) as door:
        yield door


def test_one_job_is_one_round_trip(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    assert min(reads(redis, lambda: enqueuer.enqueue(job())) for _ in range(3)) == 1  # two when the clock is asked again


def test_what_is_published_is_what_kombu_publishes_field_by_field(
    enqueuer: Enqueuer, two_steps: Enqueuer, redis: StoreRedis
) -> None:
    straight, by_kombu = (_tasks_of(redis, door) for door in (enqueuer, two_steps))
    assert straight == by_kombu
    assert len(straight) == 2


def test_another_broker_is_published_to_in_a_step_of_its_own(two_steps: Enqueuer, redis: StoreRedis) -> None:
    accepted = two_steps.enqueue(job())
    assert published_ids(redis, LANE) == [accepted.message_id]
    assert reads(redis, lambda: two_steps.enqueue(job())) >= 2


def test_the_queue_has_the_order_of_the_outbox(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    for _ in range(3):
        enqueuer.enqueue(job())
        list(enqueuer.enqueue_many([job()] * (PER_CALL + 1)))
    places = [redis.zscore(KEYS.outbox(LANE), one) for one in published_ids(redis, LANE)]
    assert all(earlier < later for earlier, later in pairwise(places))


def test_a_bulk_is_published_by_the_calls_that_record_it(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    redis.delete(LANE.queue)
    cost = spent(redis, lambda: list(enqueuer.enqueue_many([job()] * (2 * PER_CALL + 1))))
    assert (cost["evalsha"], cost["lpush"]) == (3, 3), cost
    assert [len(task["body"][1]["ids"]) for task in queued(redis, LANE)] == [CHUNK, CHUNK, 1]


def test_a_bulk_that_is_left_half_way_is_published_as_far_as_it_is_recorded(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    results = enqueuer.enqueue_many([job()] * 1_200)
    next(results)
    recorded = redis.zrange(KEYS.outbox(LANE), 0, -1)
    results.close()
    assert published_ids(redis, LANE)[: len(recorded)] == recorded


def test_the_same_reference_wakes_again_while_it_is_queued_and_not_later(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    first = enqueuer.enqueue(job(reference="r"))
    redis.delete(LANE.queue)
    assert not enqueuer.enqueue(job(reference="r")).new
    assert published_ids(redis, LANE) == [first.message_id]
    redis.delete(LANE.queue)
    redis.hset(KEYS.message(first.message_id), "state", State.SUBMITTING.value)
    enqueuer.enqueue(job(reference="r"))
    assert queued(redis, LANE) == []


def test_neither_a_taken_reference_nor_a_job_for_later_is_published(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    enqueuer.enqueue(job(reference="r"))
    redis.delete(LANE.queue)
    with pytest.raises(ReferenceTaken):
        enqueuer.enqueue(job(reference="r", params=["2"]))
    enqueuer.enqueue(job(not_before=_in_an_hour()))
    enqueuer.record(job())
    assert queued(redis, LANE) == []


def test_a_bulk_publishes_none_that_needs_no_worker_and_all_others(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    begun, lying = (enqueuer.enqueue(job(reference=reference)) for reference in ("begun", "lying"))
    enqueuer.enqueue(job(reference="taken"))
    redis.hset(KEYS.message(begun.message_id), "state", State.SUBMITTING.value)
    redis.delete(LANE.queue)
    jobs = [
        job(reference="begun"),
        job(reference="new"),
        job(reference="taken", params=["2"]),
        job(not_before=_in_an_hour()),
        job(reference="lying"),
        job(lane="otp"),
    ]
    results = list(enqueuer.enqueue_many(jobs))
    accepted = {place: one for place, one in enumerate(results) if isinstance(one, Accepted)}
    assert [place for place, one in enumerate(results) if isinstance(one, Refused)] == [2]
    assert published_ids(redis, LANE) == [accepted[1].message_id, lying.message_id]
    assert published_ids(redis, Lane.OTP) == [accepted[5].message_id]


def test_a_store_that_forgot_the_script_is_given_it_again_and_the_job_is_published_once(
    enqueuer: Enqueuer, redis: StoreRedis
) -> None:
    redis.script_flush()
    redis.delete(LANE.queue)
    accepted = enqueuer.enqueue(job())
    assert published_ids(redis, LANE) == [accepted.message_id]


def test_a_connection_that_died_while_it_lay_idle_costs_no_job(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    redis.client_kill_filter(_type="normal", skipme=True)
    redis.delete(LANE.queue)
    accepted = enqueuer.enqueue(job())
    assert published_ids(redis, LANE) == [accepted.message_id]


def test_a_job_whose_answer_is_lost_is_one_message(valkey_url: str, redis: StoreRedis) -> None:
    port = int(valkey_url.rpartition(":")[2].partition("/")[0])
    with losing_one_answer(port, b"EVALSHA") as lossy:
        url = f"redis://127.0.0.1:{lossy.port}/0"
        redis.script_load(Path(outbox.__file__).with_suffix(".lua").read_text("utf-8"))  # so that the answer lost is no complaint
        with connected(url, url) as door:
            accepted = door.enqueue(job())
        assert lossy.lost.is_set()
    assert redis.zrange(KEYS.outbox(LANE), 0, -1) == redis.zrange(KEYS.agenda, 0, -1) == [accepted.message_id]
    assert redis.xlen(KEYS.events) == 1
    assert set(published_ids(redis, LANE)) == {accepted.message_id}


def _in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def _tasks_of(redis: StoreRedis, door: Enqueuer) -> list[dict[str, Any]]:
    """The tasks of a single and of a bulk, without what differs from task to task, which is checked."""
    redis.delete(LANE.queue)
    door.enqueue(job(reference="r"))
    list(door.enqueue_many([job(reference="a"), job(reference="b")]))
    return [_without_ids(json.loads(text)) for text in reversed(redis.lrange(LANE.queue, 0, -1))]


def _without_ids(task: dict[str, Any]) -> dict[str, Any]:
    task_id = task["headers"]["id"]
    assert task_id == task["headers"].pop("root_id") == task["properties"].pop("correlation_id") == task["headers"].pop("id")
    assert len(task["properties"].pop("delivery_tag")) == 36
    return task | {"body": json.loads(base64.b64decode(task["body"]))}

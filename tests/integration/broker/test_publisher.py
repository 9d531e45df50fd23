"""Publisher on a real broker: what lies in the queue is what Celery reads, and what happens while the broker is away."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from celery.worker.request import Request
from kombu import Connection, Message

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.queues import QUEUES, broker_queue
from smsrelay.broker.task_message import ATTEMPT, ORIGIN, SEND, TaskMessage
from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from tests.support.queues import queued
from tests.support.valkey import running_valkey

PATIENCE = 10.0


def task(number: int = 0, lane: Lane = Lane.OTP) -> TaskMessage:
    return TaskMessage(name=ATTEMPT, queue=lane.queue, kwargs={"ids": [f"id-{number}"]}, shown=f"{lane.value} id-{number}")


@pytest.fixture
def publisher(valkey_url: str) -> Iterator[Publisher]:
    with Publisher(valkey_url) as opened:
        yield opened


@pytest.fixture
def away(closed_port: int) -> Iterator[Publisher]:
    with Publisher(f"redis://127.0.0.1:{closed_port}/0") as opened:
        yield opened


def consumed(url: str, queue: str) -> Message:
    """The oldest message of a queue, taken by kombu as a worker would."""
    taken: list[Message] = []
    with Connection(url) as connection, connection.Consumer([broker_queue(queue, url)], on_message=taken.append, no_ack=True):
        connection.drain_events(timeout=PATIENCE)
    return taken[0]


def test_celery_reads_a_published_task_as_protocol_2(publisher: Publisher, valkey_url: str) -> None:
    sent = task()
    publisher.publish(sent)
    message = consumed(valkey_url, Lane.OTP.queue)
    app = Celery("test", set_as_current=False)
    app.task(_attempt, name=ATTEMPT)
    request = Request(message, app=app, task=app.tasks[ATTEMPT], decoded=False)
    assert (request.name, request.id, request.root_id, request.parent_id) == (ATTEMPT, sent.task_id, sent.task_id, None)
    assert (request.eta, request.expires, request.time_limits) == (None, None, [None, None])
    assert (request.argsrepr, request.kwargsrepr) == ("()", "otp id-0")
    assert request.correlation_id == sent.task_id
    args, kwargs, embedded = message.payload
    assert (args, kwargs) == ([], {"ids": ["id-0"]})
    assert set(embedded) == {"callbacks", "errbacks", "chain", "chord"}


def test_the_envelope_is_json_that_survives_a_restart_of_the_broker(publisher: Publisher, redis: StoreRedis) -> None:
    publisher.publish(task())
    [envelope] = queued(redis, Lane.OTP)
    assert (envelope["content-type"], envelope["content-encoding"]) == ("application/json", "utf-8")
    assert envelope["properties"]["delivery_mode"] == 2
    assert envelope["properties"]["delivery_info"] == {"exchange": "", "routing_key": "sms.otp"}
    assert envelope["headers"]["origin"] == ORIGIN


@pytest.mark.parametrize("lane", Lane)
def test_each_lane_has_its_queue(publisher: Publisher, redis: StoreRedis, lane: Lane) -> None:
    publisher.publish(task(lane=lane))
    assert {queue: redis.llen(queue) for queue in QUEUES} == {queue: int(queue == lane.queue) for queue in QUEUES}


def test_many_tasks_keep_their_order(publisher: Publisher, redis: StoreRedis) -> None:
    publisher.publish_many(task(number) for number in range(250))
    assert [envelope["body"][1]["ids"] for envelope in queued(redis, Lane.OTP)] == [[f"id-{number}"] for number in range(250)]


def test_many_tasks_may_go_to_several_queues(publisher: Publisher, redis: StoreRedis) -> None:
    publisher.publish_many(task(lane=lane) for lane in (*Lane, Lane.OTP))
    assert {lane: redis.llen(lane.queue) for lane in Lane} == {Lane.OTP: 2, Lane.NOTICE: 1, Lane.MARKETING: 1}


def test_no_task_is_published_when_none_is_given(publisher: Publisher, redis: StoreRedis) -> None:
    publisher.publish_many([])
    assert [queue for queue in QUEUES if redis.exists(queue)] == []


def test_a_queue_tells_its_length_before_and_after_anything_was_published(publisher: Publisher) -> None:
    assert publisher.queue_length(Lane.OTP.queue) == 0
    publisher.publish_many([task(), task()])
    assert publisher.queue_length(Lane.OTP.queue) == 2


def test_text_of_any_script_survives(publisher: Publisher, valkey_url: str) -> None:
    wire = {"params": ["价格：5", "\N{PILE OF POO}", "a\\b"]}
    publisher.publish(TaskMessage(name=SEND, queue=Lane.OTP.queue, kwargs={"job": wire}, shown="a job"))
    assert consumed(valkey_url, Lane.OTP.queue).payload[1] == {"job": wire}


def test_a_broker_that_is_away_is_told_without_the_message(away: Publisher) -> None:
    with pytest.raises(BrokerUnavailable) as failed:
        away.publish(task(4711))
    assert "id-4711" not in str(failed.value)
    assert not away.reachable()


def test_a_broker_that_answers_is_reachable(publisher: Publisher) -> None:
    assert publisher.reachable()


def test_a_publisher_goes_on_once_a_restarted_broker_is_back(tmp_path: Path, closed_port: int) -> None:
    with Publisher(f"redis://127.0.0.1:{closed_port}/0") as publisher:
        with running_valkey(closed_port, tmp_path):
            publisher.publish(task(1))
        with running_valkey(closed_port, tmp_path):
            _publish_at_last(publisher, task(2))
            assert publisher.queue_length(Lane.OTP.queue) >= 1


def _publish_at_last(publisher: Publisher, message: TaskMessage) -> None:
    """Publish, if need be after noticing that the old connections are gone."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return publisher.publish(message)
        except BrokerUnavailable:
            if time.monotonic() > deadline:
                raise


def _attempt(ids: list[str]) -> None:
    """Stands for the task; it is never run."""

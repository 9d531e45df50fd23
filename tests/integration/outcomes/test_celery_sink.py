"""Events published to an app's own queue on a real RabbitMQ, and on Redis as kombu reads it."""

import json
from collections.abc import Iterator

import pytest
from kombu import Connection

from smsrelay.servers.broker_address import broker_address
from smsrelay.servers.store_address import StoreAddress
from smsrelay_worker.outcomes.answer import Verdict
from smsrelay_worker.outcomes.celery_sink import CeleryQueue, queue_publisher
from smsrelay_worker.outcomes.event import Event
from tests.support.rabbitmq import RabbitMQ, running_rabbitmq

QUEUE, TASK = "shop.sms", "shop.tasks.sms_outcome"
EVENTS = [Event(f"msg_018f_{number}", {"type": "message.delivered", "data": {"zh": "已送达"}}) for number in range(300)]


def queue_at(broker_url: str, queue: str = QUEUE) -> CeleryQueue:
    return CeleryQueue(queue_publisher(broker_url, StoreAddress(broker_url)), queue, TASK)


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as running:
        yield running


def test_events_reach_a_queue_that_the_app_declared_its_own_way(rabbitmq: RabbitMQ) -> None:
    with rabbitmq.connection() as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments={"x-max-priority": 5})
        sink = queue_at(rabbitmq.url)
        assert {answer.status for answer in sink.deliver(EVENTS)} == {"published"}
        sink.close()
        message = channel.basic_get(QUEUE, no_ack=True)
        assert channel.queue_declare(QUEUE, passive=True).message_count == len(EVENTS) - 1
        channel.queue_delete(QUEUE)
    [[event], kwargs, _] = json.loads(message.body)
    assert (event, kwargs) == (EVENTS[0].task_argument, {})
    assert (message.headers["task"], message.headers["id"]) == (TASK, EVENTS[0].id)


def test_a_queue_that_does_not_exist_is_a_failed_delivery(rabbitmq: RabbitMQ) -> None:
    sink = queue_at(rabbitmq.url, "nobody.declared")
    answers = sink.deliver(EVENTS[:2])
    sink.close()
    assert [answer.verdict for answer in answers] == [Verdict.FAILED] * 2
    with rabbitmq.connection() as connection, pytest.raises(connection.channel_errors):
        connection.channel().queue_declare("nobody.declared", passive=True)


def test_kombu_reads_an_event_from_redis(valkey_url: str) -> None:
    sink = queue_at(valkey_url)
    assert all(answer.taken for answer in sink.deliver(EVENTS[:2]))
    sink.close()
    with Connection(broker_address(valkey_url).kombu_url) as connection, connection.SimpleQueue(QUEUE) as queue:
        message = queue.get(timeout=5)
        message.ack()
    assert message.payload[0] == [EVENTS[0].task_argument]
    assert EVENTS[0].id in message.headers["argsrepr"]


def test_a_broker_that_does_not_answer_is_a_failed_delivery(closed_port: int) -> None:
    sink = queue_at(f"redis://127.0.0.1:{closed_port}/0")
    [answer] = sink.deliver(EVENTS[:1])
    sink.close()
    assert answer.verdict is Verdict.FAILED
    assert "broker did not answer" in answer.status

"""The publisher on a real broker that goes away: every way of not answering has one name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import STATUS, TaskMessage
from smsrelay.contract.lanes import STATUS_QUEUE
from tests.support.callback_path import Broker


def task() -> TaskMessage:
    return TaskMessage(STATUS, STATUS_QUEUE, {"event": {}}, "shown")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.process.kill()


def test_a_broker_that_dies_behind_an_open_connection_is_unavailable_and_usable_once_it_is_back(broker: Broker) -> None:
    with Publisher(broker.url) as publisher, Redis.from_url(broker.url) as client:
        publisher.publish(task())
        broker.process.kill()
        with pytest.raises(BrokerUnavailable):
            publisher.publish(task())
        assert not publisher.reachable()
        broker.start()
        publisher.publish(task())
        assert client.llen(STATUS_QUEUE) == 2


def test_a_broker_that_never_answered_is_unavailable(closed_port: int) -> None:
    with Publisher(f"redis://127.0.0.1:{closed_port}/0") as publisher, pytest.raises(BrokerUnavailable):
        publisher.publish(task())

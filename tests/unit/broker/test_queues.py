import pytest

from smsrelay.broker.queues import broker_queue, transport_options
from smsrelay.contract.lanes import Lane
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay_worker.consumer.broker_settings import broker_settings

REDIS, RABBITMQ = "redis://127.0.0.1:6379/0", "amqp://guest:guest@127.0.0.1:5672//"


@pytest.mark.parametrize("url", [RABBITMQ, "amqps://one;amqps://two"])
def test_a_queue_on_rabbitmq_is_a_quorum_queue_that_drops_nothing(url: str) -> None:
    queue = broker_queue(Lane.OTP.queue, url)
    assert is_rabbitmq(url)
    assert queue.durable
    assert queue.queue_arguments == {"x-queue-type": "quorum", "x-delivery-limit": 2**31 - 1}


def test_a_queue_on_redis_has_no_arguments() -> None:
    assert not is_rabbitmq(REDIS)
    assert broker_queue(Lane.OTP.queue, REDIS).queue_arguments is None


def test_a_visibility_timeout_is_for_redis_and_retries_of_a_connection_for_rabbitmq() -> None:
    assert transport_options(REDIS, 8)["visibility_timeout"] == 120
    assert transport_options(REDIS, 8)["max_connections"] == 108
    assert transport_options(REDIS, 8)["unacked_mutex_expire"] < 30
    assert "visibility_timeout" not in transport_options(RABBITMQ, 8)
    assert transport_options(RABBITMQ, 8)["max_retries"] == 1


@pytest.mark.parametrize("url", [REDIS, RABBITMQ])
def test_a_worker_whose_broker_refuses_something_connects_again(url: str) -> None:
    assert broker_settings(url, 8)["broker_channel_error_retry"] is True

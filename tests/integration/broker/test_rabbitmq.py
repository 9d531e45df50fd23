"""Publishing to a real RabbitMQ: what a returned call promises, and every way in which RabbitMQ can fail to take a task."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from amqp import Connection, Message
from amqp.exceptions import NotFound

from smsrelay.broker.async_publisher import AsyncPublisher
from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.queues import QUEUES
from smsrelay.broker.task_message import ATTEMPT, TaskMessage
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from tests.support.rabbitmq import RabbitMQ, running_rabbitmq
from tests.support.waiting import eventually

OTP, NOTICE = Lane.OTP.queue, Lane.NOTICE.queue
RETURNS = 50  # more often than RabbitMQ 4 stands by default


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as running:
        yield running


@pytest.fixture
def rabbitmq(node: RabbitMQ) -> RabbitMQ:
    """The node without any of our queues."""
    with node.connection() as connection:
        for name in QUEUES:
            connection.channel().queue_delete(name)
    return node


@pytest.fixture
def publisher(rabbitmq: RabbitMQ) -> Iterator[Publisher]:
    with Publisher(rabbitmq.url, connections=4) as publisher:
        yield publisher


def a_task(queue: str = OTP) -> TaskMessage:
    return TaskMessage(name=ATTEMPT, queue=queue, kwargs={"ids": []}, shown="a task")


def test_what_was_published_outlives_a_kill_of_rabbitmq(rabbitmq: RabbitMQ, publisher: Publisher) -> None:
    publisher.publish_many([a_task(NOTICE) for _ in range(300)])
    publisher.publish(a_task(OTP))
    rabbitmq.settle()
    rabbitmq.kill()
    rabbitmq.start()
    counts: list[int | None] = []
    with Publisher(rabbitmq.url) as other:
        eventually(lambda: counts.append(counted(other, NOTICE)) or counts[-1] == 300)
        eventually(lambda: counted(other, OTP) == 1)
    assert 0 not in counts  # which RabbitMQ itself says while the queue has no leader; who believed it would publish all again


def test_connections_that_died_while_they_lay_idle_are_replaced_within_the_call(rabbitmq: RabbitMQ, publisher: Publisher) -> None:
    publisher.publish(a_task())  # alone: a quorum queue that several declare at once may refuse what comes before it has a leader
    together(publisher, 4)
    rabbitmq.close_connections()
    together(publisher, 4)
    assert publisher.queue_length(OTP) == 9


def test_without_rabbitmq_publishing_fails_and_goes_on_when_it_is_back(rabbitmq: RabbitMQ, publisher: Publisher) -> None:
    publisher.publish(a_task())
    rabbitmq.stop()
    for _ in range(3):
        with pytest.raises(BrokerUnavailable):
            publisher.publish(a_task())
    assert not publisher.reachable()
    rabbitmq.start()
    publisher.publish(a_task())
    eventually(lambda: publisher.queue_length(OTP) == 2)


def test_a_rabbitmq_with_its_alarm_on_is_unavailable_and_taken_back_afterwards(rabbitmq: RabbitMQ, publisher: Publisher) -> None:
    publisher.publish(a_task())
    with rabbitmq.alarmed():
        for call in (lambda: publisher.publish(a_task()), lambda: publisher.publish_many([a_task(), a_task(NOTICE)])):
            with pytest.raises(BrokerUnavailable, match="alarm"):
                call()
    publisher.publish(a_task())
    assert publisher.queue_length(OTP) >= 2


def test_a_frozen_rabbitmq_holds_nobody_up_for_ever(rabbitmq: RabbitMQ, publisher: Publisher) -> None:
    publisher.publish(a_task())
    with rabbitmq.frozen():
        for call in (lambda: publisher.queue_length(OTP), lambda: publisher.publish(a_task())):
            with pytest.raises(BrokerUnavailable):
                call()
    eventually(publisher.reachable)
    publisher.publish(a_task())


def test_a_task_that_rabbitmq_refuses_was_not_published(rabbitmq: RabbitMQ, publisher: Publisher) -> None:
    publisher.publish(a_task())
    rabbitmq.control("set_policy", "full", "^sms.otp$", '{"max-length": 1, "overflow": "reject-publish"}', "--apply-to", "queues")
    try:
        eventually(lambda: _is_refused(publisher), "the queue heard of its policy")
        with pytest.raises(BrokerUnavailable):
            publisher.publish_many([a_task() for _ in range(50)])
        publisher.publish(a_task(NOTICE))
    finally:
        rabbitmq.control("clear_policy", "full")
    publisher.publish(a_task())


def test_a_task_without_its_queue_does_not_vanish(rabbitmq: RabbitMQ, publisher: Publisher) -> None:
    publisher.publish(a_task())
    with rabbitmq.connection() as connection:
        connection.channel().queue_delete(OTP)
    with pytest.raises(BrokerUnavailable):
        publisher.publish(a_task())
    publisher.publish(a_task())
    assert publisher.queue_length(OTP) == 1


def test_a_queue_of_another_kind_is_named_and_the_others_work(rabbitmq: RabbitMQ, publisher: Publisher) -> None:
    with rabbitmq.connection() as connection:
        connection.channel().queue_declare(OTP, durable=True, auto_delete=False)
    with pytest.raises(BrokerUnavailable, match=f"inequivalent arg 'x-queue-type' for queue '{OTP}'"):
        publisher.publish(a_task())
    with pytest.raises(BrokerUnavailable, match="inequivalent"):
        publisher.queue_length(OTP)
    publisher.publish(a_task(NOTICE))
    assert publisher.queue_length(NOTICE) == 1


def test_a_task_that_comes_back_again_and_again_is_kept(rabbitmq: RabbitMQ, publisher: Publisher) -> None:
    publisher.publish(a_task(STATUS_QUEUE))
    with rabbitmq.connection() as connection:
        channel = connection.channel()
        for _ in range(RETURNS):
            eventually(lambda: returned(channel))
        eventually(lambda: channel.basic_get(STATUS_QUEUE, no_ack=True))


def test_an_event_loop_publishes_and_is_told_what_did_not_arrive(rabbitmq: RabbitMQ) -> None:
    async def play(publisher: AsyncPublisher) -> None:
        until = asyncio.get_running_loop().time() + 10
        await publisher.publish_many([a_task(OTP), a_task(NOTICE)], until)  # declares the queues, which takes RabbitMQ a moment
        await asyncio.gather(*(publisher.publish_many([a_task(OTP), a_task(NOTICE)], until) for _ in range(10)))
        with rabbitmq.connection() as connection:
            connection.channel().queue_delete(OTP)
        with pytest.raises(BrokerUnavailable):
            await publisher.publish_many([a_task(OTP)], until)
        await publisher.publish_many([a_task(NOTICE)], until)
        await publisher.close()

    with Publisher(rabbitmq.url) as publisher:
        asyncio.run(play(AsyncPublisher(publisher)))
    with Publisher(rabbitmq.url) as publisher:
        assert publisher.queue_length(NOTICE) == 12


def test_counting_a_queue_that_is_not_there_declares_it(rabbitmq: RabbitMQ, publisher: Publisher) -> None:
    with rabbitmq.connection() as connection, pytest.raises(NotFound):
        connection.channel().queue_declare(OTP, passive=True)
    assert publisher.queue_length(OTP) == 0
    with rabbitmq.connection() as connection:
        channel = connection.channel()
        channel.basic_publish(Message("{}"), routing_key=OTP)
        eventually(lambda: publisher.queue_length(OTP) == 1)


def counted(publisher: Publisher, name: str) -> int | None:
    """The queue's length; None while RabbitMQ cannot tell."""
    try:
        return publisher.queue_length(name)
    except BrokerUnavailable:
        return None


def returned(channel: Connection) -> bool:
    """Take the task and give it back; False when it is not there yet."""
    message = channel.basic_get(STATUS_QUEUE)
    if message is not None:
        channel.basic_reject(message.delivery_tag, requeue=True)
    return message is not None


def together(publisher: Publisher, threads: int) -> None:
    """Publish from several threads at once, each with a connection in hand; all of it has to succeed."""
    succeeded = threading.Semaphore(0)
    meeting = threading.Barrier(threads)

    def publish() -> None:
        meeting.wait(30)
        publisher.publish(a_task())
        succeeded.release()

    running = [threading.Thread(target=publish) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(30)
    assert all(succeeded.acquire(blocking=False) for _ in range(threads))


def _is_refused(publisher: Publisher) -> bool:
    """Whether a task is; RabbitMQ applies a new policy to a queue when it gets round to it."""
    try:
        publisher.publish(a_task())
    except BrokerUnavailable:
        return True
    return False

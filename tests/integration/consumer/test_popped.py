"""An item popped off a queue while Redis refuses to record it as unacknowledged: the worker keeps it until Redis does."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from kombu import Connection
from structlog.testing import capture_logs

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.consumer.redis_transport import transport_with
from smsrelay_worker.consumer.unsent_acks import UnsentAcks
from tests.integration.consumer.test_taking import QUEUE, Taker, noted, numbered, publish, taking, under_a_loop
from tests.support.callback_path import Broker
from tests.support.refusals import busy, full, replica, too_few_replicas
from tests.support.waiting import eventually

FAILED = "broker failing, retried every second"


@contextmanager
def taking_for(url: str, unsent: UnsentAcks, prefetch: int = 10) -> Iterator[Taker]:
    """One of several connections, one after the other, of a process with these unsent acknowledgements."""
    with taking(url, prefetch, transport=transport_with(unsent)) as taker:
        yield taker


def look(taker: Taker) -> None:
    """Read the queue once; it may be empty."""
    taker.take(0)


def tags(redis: StoreRedis) -> list[str]:
    """The delivery tags on the queue, the next one first."""
    return [json.loads(item)["properties"]["delivery_tag"] for item in reversed(redis.lrange(QUEUE, 0, -1))]


def test_an_item_that_redis_has_no_memory_to_record_is_recorded_and_delivered_once_it_has(
    redis: StoreRedis, valkey_url: str
) -> None:
    publish(valkey_url, *numbered(5))
    with taking_for(valkey_url, unsent := UnsentAcks()) as taker, capture_logs() as told:
        with full(valkey_url):
            eventually(lambda: (look(taker), unsent.popped)[1], "one is popped")
            for _ in range(3):
                look(taker)
            assert taker.held == []
            assert redis.llen(QUEUE) == 4, "more was popped"
        taker.take(5)
        assert taker.names() == numbered(5)
        assert set(noted(redis)) == {one.delivery_tag for one in taker.held}
    assert [line["event"] for line in told].count(FAILED) == 1
    assert "OOM" in told[0]["reason"]


def test_on_close_it_is_requeued_to_its_place_even_with_the_memory_full(redis: StoreRedis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(3))
    before = tags(redis)
    with full(valkey_url):
        with taking_for(valkey_url, unsent := UnsentAcks()) as taker:
            eventually(lambda: (look(taker), unsent.popped)[1], "one is popped")
            assert tags(redis) == before[1:]
        assert tags(redis) == before
        assert not unsent.popped
    assert noted(redis) == {}


def test_an_item_that_the_broker_does_not_take_back_outlives_the_connection(redis: StoreRedis, valkey_url: str) -> None:
    publish(valkey_url, "m0")
    unsent = UnsentAcks()
    with full(valkey_url), ExitStack() as end:
        with taking_for(valkey_url, unsent) as taker:
            eventually(lambda: (look(taker), unsent.popped)[1], "it is popped")
            end.enter_context(busy(valkey_url))
        assert [one.queue for one in unsent.popped] == [QUEUE]
    with taking_for(valkey_url, unsent) as taker:
        taker.take(1)
        assert taker.names() == ["m0"]


def test_an_item_of_a_queue_that_is_no_longer_consumed_is_requeued_and_blocks_nothing(redis: StoreRedis, valkey_url: str) -> None:
    with taking(valkey_url, 10, QUEUE, Lane.OTP.queue) as taker:
        look(taker)  # a pop of both is under way
        taker.consumer.cancel_by_queue(QUEUE)
        publish(valkey_url, "m0")
        eventually(lambda: (look(taker), redis.llen(QUEUE) == 1)[1], "it is back")
        publish(valkey_url, "m1", queue=Lane.OTP.queue)
        taker.take(1)
        assert taker.names() == ["m1"]
        assert redis.llen(QUEUE) == 1


@pytest.mark.parametrize("refusing", [busy, too_few_replicas])
def test_a_refused_pop_does_not_end_the_connection(redis: StoreRedis, valkey_url: str, refusing: type) -> None:
    with taking_for(valkey_url, unsent := UnsentAcks()) as taker, capture_logs() as told:
        under_a_loop(taker)
        look(taker)
        with refusing(valkey_url):
            eventually(lambda: (look(taker), unsent.backing_off)[1], "the pop is refused")
        publish(valkey_url, "m0")
        taker.take(1)
    assert [line["event"] for line in told] == [FAILED]


def test_after_a_server_became_a_replica_the_consumer_reconnects(valkey_url: str) -> None:
    """Behind the same name there may be another primary by now."""
    with taking_for(valkey_url, UnsentAcks()) as taker:
        under_a_loop(taker)
        with replica(valkey_url), pytest.raises(taker.connection.connection_errors, match=r"READONLY|UNBLOCKED"):
            eventually(lambda: look(taker), "it is noticed")


def test_messages_requeued_while_redis_refuses_are_requeued_once_it_does_not(redis: StoreRedis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(2))
    with taking_for(valkey_url, unsent := UnsentAcks()) as taker:
        taker.take(2)
        turn = under_a_loop(taker)
        with full(valkey_url):
            for message in taker.held:
                message.requeue()
            turn()
            assert len(unsent.requeues) == 2
            assert len(noted(redis)) == 2
        eventually(lambda: (turn(), not unsent.requeues)[1], "they go back")
        assert redis.llen(QUEUE) == 2
        assert noted(redis) == {}


def test_acknowledgements_of_a_lost_connection_are_sent_on_the_next(redis: StoreRedis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(2))
    unsent = UnsentAcks()
    with taking_for(valkey_url, unsent) as first:
        first.take(2)
        under_a_loop(first)
        first.connection.collect()
        for message in first.held:
            message.ack()  # kombu's own would raise, and log a trace for each
        with taking_for(valkey_url, unsent) as second:
            under_a_loop(second)()
            assert noted(redis) == {}


def test_unacknowledged_tasks_are_written_to_no_file_when_redis_does_not_take_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(aside := tmp_path / "aside"))
    aside.mkdir()
    broker = Broker(tmp_path / "broker")
    broker.start()
    publish(broker.url, "m0")
    with capture_logs() as told, taking(broker.url, 3) as taker:
        taker.take(1)
        broker.process.kill()
    assert list(aside.iterdir()) == []
    assert "unacknowledged tasks not requeued" in [line["event"] for line in told]


def test_transports_share_unsent_acknowledgements_only_where_they_are_given_the_same(valkey_url: str) -> None:
    with (
        Connection(valkey_url, transport=transport_with(unsent := UnsentAcks())) as one,
        Connection(valkey_url, transport=transport_with(UnsentAcks())) as other,
    ):
        assert one.channel().unsent is unsent
        assert other.channel().unsent is not unsent

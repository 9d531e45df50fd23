"""An item that a worker has popped off a queue while Redis refuses to note it: it stays in hand, and goes nowhere else."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from kombu import Connection
from redis import Redis
from structlog.testing import capture_logs

from smsrelay.contract.lanes import Lane
from smsrelay_worker.consumer.redis_transport import transport_with
from smsrelay_worker.consumer.unsent_acks import UnsentAcks
from tests.integration.consumer.test_taking import QUEUE, Taker, noted, numbered, publish, taking, under_a_loop
from tests.support.callback_path import Broker
from tests.support.refusals import busy, full, replica, too_few_replicas
from tests.support.waiting import eventually

FAILED = "broker failing, retried every second"


@contextmanager
def taking_for(url: str, owed: UnsentAcks, prefetch: int = 10) -> Iterator[Taker]:
    """One of several connections, one after the other, of a process that owes this."""
    with taking(url, prefetch, transport=transport_with(owed)) as taker:
        yield taker


def look(taker: Taker) -> None:
    """One look at the queue, which may find nothing."""
    taker.take(0)


def tags(redis: Redis) -> list[str]:
    """Of what is on the queue, the next one first."""
    return [json.loads(item)["properties"]["delivery_tag"] for item in reversed(redis.lrange(QUEUE, 0, -1))]


def test_what_redis_has_no_memory_to_note_is_noted_and_delivered_once_it_has(redis: Redis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(5))
    with taking_for(valkey_url, owed := UnsentAcks()) as taker, capture_logs() as told:
        with full(valkey_url):
            eventually(lambda: (look(taker), owed.popped)[1], "one is popped")
            for _ in range(3):
                look(taker)
            assert taker.held == []
            assert redis.llen(QUEUE) == 4, "more was popped"
        taker.take(5)
        assert taker.names() == numbered(5)
        assert set(noted(redis)) == {one.delivery_tag for one in taker.held}
    assert [line["event"] for line in told].count(FAILED) == 1
    assert "OOM" in told[0]["reason"]


def test_at_the_end_it_goes_back_to_its_place_even_where_there_is_no_memory(redis: Redis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(3))
    before = tags(redis)
    with full(valkey_url):
        with taking_for(valkey_url, owed := UnsentAcks()) as taker:
            eventually(lambda: (look(taker), owed.popped)[1], "one is popped")
            assert tags(redis) == before[1:]
        assert tags(redis) == before
        assert not owed.popped
    assert noted(redis) == {}


def test_what_the_broker_does_not_take_back_outlives_the_connection(redis: Redis, valkey_url: str) -> None:
    publish(valkey_url, "m0")
    owed = UnsentAcks()
    with full(valkey_url), ExitStack() as end:
        with taking_for(valkey_url, owed) as taker:
            eventually(lambda: (look(taker), owed.popped)[1], "it is popped")
            end.enter_context(busy(valkey_url))
        assert [one.queue for one in owed.popped] == [QUEUE]
    with taking_for(valkey_url, owed) as taker:
        taker.take(1)
        assert taker.names() == ["m0"]


def test_what_was_popped_off_a_queue_that_is_consumed_no_more_goes_back_and_holds_nobody_up(
    redis: Redis, valkey_url: str
) -> None:
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
def test_a_refused_pop_ends_no_connection(redis: Redis, valkey_url: str, refusing: type) -> None:
    with taking_for(valkey_url, owed := UnsentAcks()) as taker, capture_logs() as told:
        under_a_loop(taker)
        look(taker)
        with refusing(valkey_url):
            eventually(lambda: (look(taker), owed.backing_off)[1], "the pop is refused")
        publish(valkey_url, "m0")
        taker.take(1)
    assert [line["event"] for line in told] == [FAILED]


def test_a_server_that_became_a_replica_is_connected_to_anew(valkey_url: str) -> None:
    """Behind the same name there may be another primary by now."""
    with taking_for(valkey_url, UnsentAcks()) as taker:
        under_a_loop(taker)
        with replica(valkey_url), pytest.raises(taker.connection.connection_errors, match=r"READONLY|UNBLOCKED"):
            eventually(lambda: look(taker), "it is noticed")


def test_what_is_given_back_while_redis_refuses_goes_back_when_it_does_not(redis: Redis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(2))
    with taking_for(valkey_url, owed := UnsentAcks()) as taker:
        taker.take(2)
        turn = under_a_loop(taker)
        with full(valkey_url):
            for message in taker.held:
                message.requeue()
            turn()
            assert len(owed.requeues) == 2
            assert len(noted(redis)) == 2
        eventually(lambda: (turn(), not owed.requeues)[1], "they go back")
        assert redis.llen(QUEUE) == 2
        assert noted(redis) == {}


def test_acknowledgements_of_a_lost_connection_are_told_on_the_next(redis: Redis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(2))
    owed = UnsentAcks()
    with taking_for(valkey_url, owed) as first:
        first.take(2)
        under_a_loop(first)
        first.connection.collect()
        for message in first.held:
            message.ack()  # kombu's own would raise, and log a trace for each
        with taking_for(valkey_url, owed) as second:
            under_a_loop(second)()
            assert noted(redis) == {}


def test_tasks_in_hand_at_the_end_are_written_to_no_file_when_redis_does_not_take_them(
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


def test_a_connection_of_its_own_owes_for_itself(valkey_url: str) -> None:
    with (
        Connection(valkey_url, transport=transport_with(owed := UnsentAcks())) as one,
        Connection(valkey_url, transport=transport_with(UnsentAcks())) as other,
    ):
        assert one.channel().unsent is owed
        assert other.channel().unsent is not owed

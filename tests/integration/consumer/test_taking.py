"""A worker's channel on a real broker: what it takes in one call, records and releases. The consumer is kombu's own."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from kombu import Connection, Message
from kombu.asynchronous import Hub
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.transport.redis import Transport
from redis import Redis
from structlog.testing import capture_logs

from smsrelay.broker.publisher import Publisher
from smsrelay.broker.queues import broker_queue
from smsrelay.broker.task_message import ATTEMPT, TaskMessage
from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.consumer.queue_item import WRAPPED
from smsrelay_worker.consumer.redis_transport import CheckingTransport
from tests.support.callback_path import Broker
from tests.support.messages import store_clock
from tests.support.waiting import eventually

QUEUE = Lane.NOTICE.queue
ODD = b"\xff no task at all"


@dataclass
class Taker:
    """A consumer that holds every message it receives."""

    connection: Connection
    consumer: Any
    held: list[Message] = field(default_factory=list)

    @property
    def channel(self) -> Any:
        return self.consumer.channel

    def take(self, least: int) -> None:
        """Read the queue until so many messages are held."""
        eventually(lambda: self._looked() and len(self.held) >= least, f"{least} are held")

    def names(self) -> list[str]:
        """Of the held messages, the ids of tasks, and the bytes of those that are no tasks."""
        return [str(one.body) if WRAPPED in one.headers else one.payload[1]["ids"][0] for one in self.held]

    def _looked(self) -> bool:
        try:
            self.connection.drain_events(timeout=0.2)
        except TimeoutError:
            return True
        return True


@contextmanager
def taking(url: str, prefetch: int, *queues: str, transport: type[CheckingTransport] = CheckingTransport) -> Iterator[Taker]:
    """A consumer on a worker's transport."""
    with Connection(url, transport=transport) as connection:
        held: list[Message] = []
        named = [broker_queue(queue, url) for queue in queues or (QUEUE,)]
        consumer = connection.Consumer(named, on_message=held.append, prefetch_count=prefetch)
        with consumer:
            yield Taker(connection, consumer, held)


def publish(url: str, *names: str, queue: str = QUEUE) -> None:
    with Publisher(url) as publisher:
        publisher.publish_many(TaskMessage(name=ATTEMPT, queue=queue, kwargs={"ids": [name]}, shown=name) for name in names)


def numbered(count: int) -> list[str]:
    return [f"m{number}" for number in range(count)]


def noted(redis: StoreRedis) -> dict[str, Any]:
    """The messages that the broker has recorded as unacknowledged, by tag. The index has the same tags."""
    notes = redis.hgetall("unacked")
    assert set(redis.zrange("unacked_index", 0, -1)) == set(notes)
    return {tag: json.loads(note)[0] for tag, note in notes.items()}


@pytest.mark.parametrize("prefetch", [1, 2, 7])
def test_no_more_is_taken_than_the_prefetch_limit_and_each_is_recorded(redis: StoreRedis, valkey_url: str, prefetch: int) -> None:
    publish(valkey_url, *numbered(20))
    with taking(valkey_url, prefetch) as taker:
        taker.take(prefetch)
        taker.take(0)  # one look more, which has no room
        assert taker.names() == numbered(prefetch)
        assert redis.llen(QUEUE) == 20 - prefetch
        assert set(noted(redis)) == {one.delivery_tag for one in taker.held}


def test_after_acknowledgements_more_is_taken_in_the_order_of_the_queue(redis: StoreRedis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(12))
    with taking(valkey_url, 5) as taker:
        taker.take(5)
        for message in taker.held[:3]:
            message.ack()
        taker.take(8)
        taker.take(0)
        assert taker.names() == numbered(8)
        assert set(noted(redis)) == {one.delivery_tag for one in taker.held[3:]}
        assert redis.llen(QUEUE) == 4


def test_without_a_limit_everything_is_taken(redis: StoreRedis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(150))
    with taking(valkey_url, 0) as taker:
        taker.take(150)
        assert taker.names() == numbered(150)
        assert len(noted(redis)) == 150


def test_a_consumer_of_several_queues_takes_from_all_of_them(redis: StoreRedis, valkey_url: str) -> None:
    for lane in (Lane.OTP, Lane.MARKETING):
        publish(valkey_url, *(f"{lane.value} {number}" for number in range(20)), queue=lane.queue)
    with taking(valkey_url, 4, Lane.OTP.queue, Lane.MARKETING.queue) as taker:
        taker.take(4)
        assert {name.split()[0] for name in taker.names()} == {"otp", "marketing"}


@pytest.mark.parametrize("place", [0, 1, 3, 5])
def test_an_invalid_item_is_made_readable_wherever_it_is_and_its_neighbours_are_delivered_too(
    redis: StoreRedis, valkey_url: str, place: int
) -> None:
    publish(valkey_url, *numbered(place))
    redis.lpush(QUEUE, ODD)
    publish(valkey_url, *(names := [f"n{number}" for number in range(5)]))
    with taking(valkey_url, 20) as taker:
        taker.take(place + 6)
        assert taker.names() == [*numbered(place), str(ODD), *names]
        assert set(noted(redis)) == {one.delivery_tag for one in taker.held}
        for message in taker.held:
            message.ack()
        assert noted(redis) == {}


def test_a_task_that_would_be_requeued_elsewhere_is_recorded_for_its_own_queue(redis: StoreRedis, valkey_url: str) -> None:
    publish(valkey_url, "m0", "m1", "m2")
    first, astray, last = (json.loads(item) for item in reversed(redis.lrange(QUEUE, 0, -1)))
    astray["properties"]["delivery_info"] = {"exchange": "somewhere", "routing_key": "nobody reads this"}
    redis.delete(QUEUE)
    for task in (first, astray, last):
        redis.lpush(QUEUE, json.dumps(task))
    with taking(valkey_url, 9) as taker:
        taker.take(3)
        assert taker.names() == ["m0", "m1", "m2"]
        assert len(noted(redis)) == 3
    assert redis.llen(QUEUE) == 3  # given back at the end, each to where it came from
    assert noted(redis) == {}


def test_a_taken_item_that_has_to_be_wrapped_leaves_no_record_under_its_old_tag(redis: StoreRedis, valkey_url: str) -> None:
    """Valid enough for ``take.lua``, but not for kombu."""
    publish(valkey_url, "m0", "m1", "m2")
    items = [json.loads(item) for item in reversed(redis.lrange(QUEUE, 0, -1))]
    items[1] |= {"body": "abc"}  # no base64
    old = items[1]["properties"]["delivery_tag"]
    redis.delete(QUEUE)
    for item in items:
        redis.lpush(QUEUE, json.dumps(item))
    with taking(valkey_url, 9) as taker:
        taker.take(3)
        [wrapped] = [one for one in taker.held if WRAPPED in one.headers]
        assert json.loads(wrapped.body) == items[1]
        taker.channel.flush()
        assert set(noted(redis)) == {one.delivery_tag for one in taker.held}
        assert old not in noted(redis)
        wrapped.ack()
        assert {one.delivery_tag for one in taker.held if one is not wrapped} == set(noted(redis))


@pytest.mark.parametrize("queues", [(QUEUE,), (QUEUE, Lane.OTP.queue)])
def test_what_is_taken_is_recorded_by_the_brokers_clock_on_a_host_an_hour_ahead(
    redis: StoreRedis, valkey_url: str, queues: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(valkey_url, *numbered(3))
    right = time.time
    for module in (time, kombu_redis):
        monkeypatch.setattr(module, "time", lambda: right() + 3600)
    before = store_clock(redis)
    with taking(valkey_url, 3, *queues) as taker:
        taker.take(3)
        noted_at = [int(at * 1000) for _, at in redis.zrange("unacked_index", 0, -1, withscores=True)]
    assert len(noted_at) == 3
    assert before <= min(noted_at) <= max(noted_at) <= store_clock(redis)


def test_on_close_unacknowledged_messages_are_requeued_and_acknowledged_ones_are_not(redis: StoreRedis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(6))
    with taking(valkey_url, 6) as taker:
        taker.take(6)
        for message in taker.held[::2]:
            message.ack()
    assert noted(redis) == {}
    with taking(valkey_url, 0) as again:
        again.take(3)
        assert sorted(again.names()) == ["m1", "m3", "m5"]


def test_kombus_own_consumer_can_restore_what_was_recorded(redis: StoreRedis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(3))
    with taking(valkey_url, 3) as taker:
        taker.take(3)
        with Connection(valkey_url, transport=Transport) as other, other.channel() as channel:
            for message in taker.held:
                channel.qos.restore_by_tag(message.delivery_tag)
        assert redis.llen(QUEUE) == 3
        assert noted(redis) == {}
        for message in taker.held:
            message.ack()  # of a task that another one has by now: harmless
        assert redis.llen(QUEUE) == 3


def test_under_an_event_loop_acknowledgements_are_sent_at_the_next_turn(redis: StoreRedis, valkey_url: str) -> None:
    publish(valkey_url, *numbered(3))
    with taking(valkey_url, 3) as taker:
        taker.take(3)
        turn = under_a_loop(taker)
        for message in taker.held:
            message.ack()
        assert len(noted(redis)) == 3
        turn()
        assert noted(redis) == {}


def test_acknowledgements_during_an_outage_are_sent_after_it(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.start()
    publish(broker.url, *numbered(4))
    with taking(broker.url, 3) as taker, Redis.from_url(broker.url, decode_responses=True) as redis:
        taker.take(3)
        turn, [first, *rest] = under_a_loop(taker), taker.held
        first.ack()
        broker.process.kill()
        for message in rest:
            message.ack()
        with capture_logs() as told:
            for _ in range(3):
                turn()  # nobody hears it, nothing ends by it, and one line tells it
        assert [line["event"] for line in told] == ["broker failing, retried every second"]
        broker.start()
        assert len(noted(redis)) == 3
        eventually(lambda: (turn(), noted(redis) == {})[1], "all of it is told")
        assert redis.llen(QUEUE) == 1
    assert redis.llen(QUEUE) == 1
    broker.process.kill()


def under_a_loop(taker: Taker) -> Callable[[], None]:
    """Register the connection with an event loop, as a worker does. Returns what the channel does at each turn."""
    hub = Hub()
    before = set(hub.on_tick)
    taker.connection.register_with_event_loop(hub)
    [settle] = [tick for tick in hub.on_tick - before if getattr(tick, "__self__", None) is taker.connection.transport]
    return cast(Callable[[], None], settle)


def test_a_channel_of_a_closed_connection_logs_that_its_tasks_are_not_requeued_and_raises_nothing(valkey_url: str) -> None:
    with taking(valkey_url, 10, QUEUE) as taker, Publisher(valkey_url) as publisher:
        publisher.publish_many([TaskMessage(name=ATTEMPT, queue=QUEUE, kwargs={"ids": ["m1"]}, shown="one")])
        taker.take(1)
        channel, away = taker.channel, taker.connection.connection_errors
        taker.connection.collect()
        with pytest.raises(away, match="closed"):
            channel.qos.restore_by_tag("m1")
        virtual.QoS.append(channel.qos, taker.held[0], "m1")
        with capture_logs() as told:
            channel.qos.restore_unacked()  # as at the end of a worker's connection that broke
    assert [(line["event"], line["tasks"]) for line in told] == [("unacknowledged tasks not requeued", 1)]

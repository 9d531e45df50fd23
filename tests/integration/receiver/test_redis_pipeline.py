"""The pipe: inbox and queue in one round trip, exactly as the long way writes them, and what happens when it cannot."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from kombu import Connection

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.receiver.redis_pipeline import RedisPipeline
from smsrelay.store.connection import StoreRedis
from smsrelay.store.inbox import BATCH, Inbox
from tests.chaos.stage.gate import Gate
from tests.support.commands import spent
from tests.support.store_keys import KEYS

STORED = (KEYS.reports, KEYS.reports_outbox, KEYS.reports_keys)


def report(number: int) -> StatusEvent:
    return StatusEvent(message_id=f"m{number}", attempt=1, code="200", received_at=number, extra={"operator": "联通"})


@dataclass
class LongWay:
    """Counts who comes, and takes the reports or refuses them."""

    inbox: Inbox | None = None
    came: list[int] = field(default_factory=list)

    async def publish(self, events: Sequence[StatusEvent]) -> None:
        self.came.append(len(events))
        if self.inbox is None:
            raise BrokerUnavailable("refused")
        self.inbox.record(events)  # and with it, the store is given the script


@pytest.fixture
def inbox(redis: StoreRedis) -> Inbox:
    return Inbox(redis)


@asynccontextmanager
async def a_pipe(url: str, inbox: Inbox, long_way: LongWay) -> AsyncIterator[RedisPipeline]:
    pipe = RedisPipeline(url, inbox, long_way.publish)
    try:
        yield pipe
    finally:
        await pipe.close()


def send(url: str, inbox: Inbox, long_way: LongWay, *batches: Sequence[StatusEvent]) -> None:
    async def run() -> None:
        async with a_pipe(url, inbox, long_way) as pipe:
            for batch in batches:
                await pipe.publish(batch)

    asyncio.run(run())


def queued(redis: StoreRedis) -> list[dict[str, Any]]:
    """Tasks on the queue, first published first."""
    return [json.loads(task) for task in reversed(redis.lrange(STATUS_QUEUE, 0, -1))]


def without_ids(task: dict[str, Any]) -> dict[str, Any]:
    """An envelope with what differs from task to task checked and taken out."""
    task_id = task["headers"]["id"]
    assert task_id == task["headers"].pop("root_id") == task["properties"].pop("correlation_id") == task["headers"].pop("id")
    assert len(task["properties"].pop("delivery_tag")) == 36
    return task


def test_the_pipe_writes_what_kombu_writes_field_by_field(redis: StoreRedis, valkey_url: str, inbox: Inbox) -> None:
    events = [report(number) for number in range(3)]
    with Publisher(valkey_url) as publisher:
        publisher.publish_many(inbox.record(events))
    send(valkey_url, inbox, LongWay(), events)
    by_kombu, by_pipe = map(without_ids, queued(redis))
    assert by_pipe == by_kombu


def test_a_consumer_of_kombu_reads_what_the_pipe_wrote_and_acknowledges_it(
    redis: StoreRedis, valkey_url: str, inbox: Inbox
) -> None:
    inbox.record([report(0)])  # and with it, the store knows the script
    send(valkey_url, inbox, LongWay(), [report(1)])
    with Connection(valkey_url) as connection, connection.SimpleQueue(STATUS_QUEUE) as queue:
        task = queue.get(timeout=10)
        assert task.headers["task"] == "sms.status"
        assert task.payload[1]["events"] == [report(1).encode()]
        task.ack()
    assert not redis.exists("unacked")


def test_reports_are_in_the_inbox_and_on_the_queue_in_their_order(redis: StoreRedis, valkey_url: str, inbox: Inbox) -> None:
    inbox.record([report(0)])
    events = [report(number) for number in range(1, 2 * BATCH + 3)]
    long_way = LongWay()
    send(valkey_url, inbox, long_way, events)
    bodies = [json.loads(base64.b64decode(task["body"])) for task in queued(redis)]
    assert [len(body[1]["events"]) for body in bodies] == [BATCH, BATCH, 2]
    assert [wire["received_at"] for body in bodies for wire in body[1]["events"]] == [event.received_at for event in events]
    assert {redis.hlen(STORED[0]), redis.zcard(STORED[1]), redis.zcard(STORED[2])} == {len(events) + 1}
    assert long_way.came == []


def test_a_flush_costs_two_calls_of_the_store(redis: StoreRedis, valkey_url: str, inbox: Inbox) -> None:
    inbox.record([report(0)])
    cost = spent(redis, lambda: send(valkey_url, inbox, LongWay(), [report(number) for number in range(1, BATCH)]))
    assert (cost["evalsha"], cost["lpush"]) == (1, 1), cost


def test_a_store_that_never_saw_the_script_is_given_it_first(redis: StoreRedis, valkey_url: str, inbox: Inbox) -> None:
    redis.script_flush()
    long_way = LongWay(inbox)
    send(valkey_url, inbox, long_way, [report(1), report(2)], [report(3)])
    assert long_way.came == []
    assert redis.hlen(KEYS.reports) == 3
    assert len(queued(redis)) == 2


def test_a_store_that_forgot_the_script_meanwhile_is_given_it_the_long_way(
    redis: StoreRedis, valkey_url: str, inbox: Inbox
) -> None:
    long_way = LongWay(inbox)

    async def run() -> None:
        async with a_pipe(valkey_url, inbox, long_way) as pipe:
            await pipe.publish([report(1)])
            redis.script_flush()
            await pipe.publish([report(2), report(3)])
            await pipe.publish([report(4)])

    asyncio.run(run())
    assert long_way.came == [2]
    assert redis.hlen(KEYS.reports) == 4


def test_a_connection_that_died_while_it_lay_idle_costs_one_long_way(redis: StoreRedis, valkey_url: str, inbox: Inbox) -> None:
    inbox.record([report(0)])
    long_way = LongWay(inbox)

    async def run() -> None:
        async with a_pipe(valkey_url, inbox, long_way) as pipe:
            await pipe.publish([report(1)])
            redis.client_kill_filter(_type="normal", skipme=True)
            await pipe.publish([report(2)])
            await pipe.publish([report(3)])

    asyncio.run(run())
    assert long_way.came == [1]
    assert redis.hlen(KEYS.reports) == 4


@pytest.mark.parametrize("loop", [asyncio, uvloop], ids=["asyncio", "uvloop"])  # the receiver runs on uvloop
def test_a_connection_that_was_reset_while_it_lay_idle_costs_one_long_way(redis: StoreRedis, inbox: Inbox, loop: Any) -> None:
    inbox.record([report(0)])
    gate, long_way = Gate({"redis": [redis.connection_pool.connection_kwargs["port"]]}), LongWay(inbox)
    gate.start()

    async def run() -> None:
        async with a_pipe(f"redis://127.0.0.1:{gate.port('redis')}/0", inbox, long_way) as pipe:
            await pipe.publish([report(1)])
            await asyncio.to_thread(gate.tell, "redis", "refuse")
            await pipe.publish([report(2)])
            await asyncio.to_thread(gate.tell, "redis", "open")
            await pipe.publish([report(3)])

    try:
        loop.run(run())
    finally:
        gate.stop()
    assert long_way.came == [1]
    assert redis.hlen(KEYS.reports) == 4


def test_where_nobody_listens_the_long_way_says_what_is_wrong(inbox: Inbox, closed_port: int) -> None:
    with pytest.raises(BrokerUnavailable, match="refused"):
        send(f"redis://127.0.0.1:{closed_port}/0", inbox, LongWay(), [report(1)])

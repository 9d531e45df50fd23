"""A primary that is cut off together with a sentinel, both still within reach: nobody stays with it, and nobody returns to it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest
from kombu import Connection
from redis.exceptions import ConnectionError as RedisConnectionError

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.queues import broker_queue, transport_options
from smsrelay.broker.task_message import ATTEMPT, TaskMessage
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.servers.failover.primary import finder
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.store_address import StoreAddress
from smsrelay.servers.time_limit import time_limit
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.connection import StoreUnavailable, open_store, run_durably
from smsrelay_worker.consumer.redis_transport import CheckingTransport
from tests.support.redis_node import RedisNode
from tests.support.split_sentinels import SplitGroup, running_split_group
from tests.support.store_clients import COUNTER, LIMIT, Write, store_clients
from tests.support.waiting import eventually

BACK = 15.0  # seconds; on an idle machine about two
QUEUE = Lane.NOTICE.queue


@pytest.fixture(scope="module")
def shared_split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SplitGroup]:
    """One for all tests of this file: it takes seconds to come up."""
    with running_split_group(tmp_path_factory.mktemp("split")) as running:
        yield running


@pytest.fixture
def split_group(shared_split: SplitGroup) -> Iterator[SplitGroup]:
    """The same, whole and empty, and whole again afterwards; this process has asked nobody yet."""
    shared_split.group.primary.ask("FLUSHALL")
    finder.cache_clear()
    try:
        yield shared_split
    finally:
        shared_split.heal()


def test_open_connections_leave_it_and_none_returns_when_the_network_is_mended(split_group: SplitGroup) -> None:
    with store_clients(split_group.url()) as writes:
        for write in writes.values():
            write()
        new = split_group.split()
        for way in ("pool", "loop"):
            eventually(lambda way=way: arrives(writes[way], new), "writes go to the new primary", BACK)
        eventually(lambda: reported(writes["pipeline"], new), "reports go to the new primary", BACK)
        assert split_group.is_cut_off()
        before = int(new.ask("GET", COUNTER))
        split_group.heal()
        assert [writes[way]() for way in ("pool", "loop")] == [before + 1, before + 2]


def test_whoever_connects_only_then_is_led_to_the_new_primary_at_once(split_group: SplitGroup) -> None:
    new = split_group.split()
    for way in ("pool", "loop"):
        finder.cache_clear()  # as in a process that starts now
        with store_clients(split_group.url(), pipelined=False) as writes:
            writes[way]()
    assert split_group.is_cut_off()
    assert new.ask("GET", COUNTER) == "2"


def test_what_waits_for_replicas_is_confirmed_by_those_of_the_new_primary(split_group: SplitGroup) -> None:
    with durable_clients(split_group.url()) as writes:
        for write in writes.values():
            eventually(lambda write=write: confirmed(write), "a write is confirmed", BACK)
        new = split_group.split()
        for write in writes.values():
            eventually(lambda write=write: confirmed(write), "a write is confirmed again", BACK)
        assert split_group.is_cut_off()
        assert int(new.ask("GET", COUNTER)) >= 4


def test_a_publisher_and_a_consumer_leave_it(split_group: SplitGroup) -> None:
    with Publisher(split_group.url()) as publisher, consuming(split_group.url()) as taken:
        eventually(lambda: published(publisher) and "m" in taken(), "a task is consumed", BACK)
        new = split_group.split()
        assert eventually(lambda: published(publisher) and queued(new), "tasks go to the new primary", BACK)
        eventually(lambda: left(taken), "the consumer leaves the old primary", BACK)
    with consuming(split_group.url()) as taken:
        eventually(taken, "a task is consumed from the new primary", BACK)
        assert split_group.is_cut_off()


@contextmanager
def durable_clients(url: str) -> Iterator[dict[str, Write]]:
    """Writes that wait for one replica: by a pool, and from an event loop."""
    store = StoreAddress(url, replicas=1, replica_wait=0.5)
    with ExitStack() as stack:
        redis = stack.enter_context(closing(open_store(store)))
        runner = stack.enter_context(asyncio.Runner())
        from_loop = AsyncStore(store, (), barrier=redis.barrier)
        stack.callback(lambda: runner.run(from_loop.close()))

        def by_pool() -> int:
            with time_limit(LIMIT):
                return int(run_durably(redis, ("INCR", COUNTER))[0])

        async def one() -> int:
            [answer] = await from_loop.execute_durably([("INCR", COUNTER)], asyncio.get_running_loop().time() + LIMIT)
            return int(answer)

        yield {"pool": by_pool, "loop": lambda: runner.run(one())}


@contextmanager
def consuming(url: str) -> Iterator[Callable[[], list[str]]]:
    """A worker's consumer; gives what reads the queue for a moment and returns the tasks that are held."""
    address = RedisAddress.of(url)
    options = transport_options(url, 4)
    with Connection(address.kombu_url, transport=CheckingTransport, transport_options=options) as connection:
        held: list[str] = []
        queue = broker_queue(QUEUE, url)
        with connection.Consumer([queue], on_message=lambda message: (held.append("m"), message.ack())):

            def taken() -> list[str]:
                with suppress(TimeoutError):
                    connection.drain_events(timeout=0.2)
                return held

            yield taken


def arrives(write: Write, new: RedisNode) -> bool:
    """Whether a write is one to the new primary."""
    before = int(new.ask("GET", COUNTER) or 0)
    return write() == before + 1 == int(new.ask("GET", COUNTER) or 0)


def reported(publish: Write, new: RedisNode) -> bool:
    """Whether a report that may fail once is published to the new primary."""
    try:
        publish()
    except BrokerUnavailable:
        return False
    return bool(queued(new, STATUS_QUEUE))


def confirmed(write: Write) -> bool:
    try:
        write()
    except StoreUnavailable:
        return False
    return True


def published(publisher: Publisher) -> bool:
    try:
        publisher.publish(TaskMessage(name=ATTEMPT, queue=QUEUE, kwargs={"ids": ["m1"]}, shown="m1"))
    except BrokerUnavailable:
        return False
    return True


def queued(node: RedisNode, queue: str = QUEUE) -> int:
    return int(node.ask("LLEN", queue) or 0)


def left(taken: Callable[[], list[str]]) -> bool:
    """Whether a consumer says that its connection is of no use any more, as for each lost one."""
    try:
        taken()
    except RedisConnectionError:
        return True
    return False

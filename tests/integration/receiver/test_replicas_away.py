"""Reports that too few replicas have: answered with 200 only from the spool, and drained once the replicas are back."""

import asyncio
from pathlib import Path

import pytest

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.event import StatusEvent
from smsrelay.receiver.redis_pipeline import RedisPipeline
from smsrelay.receiver.spool import Spool
from smsrelay.store.connection import open_store
from smsrelay.store.inbox import Inbox
from tests.support.callback_path import Receiver
from tests.support.commands import spent
from tests.support.replicated_valkey import Replicated
from tests.support.waiting import eventually

EVENTS = [StatusEvent(message_id=f"m{number}", attempt=1, code="200", received_at=number) for number in range(3)]


def publish(replicated: Replicated, replicas: int, wait: float = 1.5) -> None:
    """Through the pipeline of a receiver with one Redis."""

    async def never(_events: object) -> None:
        raise AssertionError("published again, although nothing but the replicas is missing")

    async def play() -> None:
        redis = open_store(replicated.address(replicas, wait))
        pipeline = RedisPipeline(replicated.primary.url, Inbox(redis), never, redis.barrier)
        try:
            await pipeline.publish(EVENTS)
        finally:
            await pipeline.close()

    asyncio.run(play())


def test_a_batch_that_too_few_replicas_have_is_refused_however_often(replicated: Replicated) -> None:
    publish(replicated, 1)
    replicated.freeze()
    for _ in range(2):
        with pytest.raises(BrokerUnavailable, match=r"^kept by 0 of 1 replicas in time$"):
            publish(replicated, 1, wait=0.1)
    replicated.thaw()
    publish(replicated, 1)


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_batch_waits_once_or_not_at_all(replicated: Replicated, replicas: int) -> None:
    with replicated.primary.client() as client:
        cost = spent(client, lambda: publish(replicated, replicas))
    assert [cost[name] for name in ("evalsha", "lpush", "wait")] == [1, 1, replicas]


@pytest.mark.parametrize("broker", ["127.0.0.1", "localhost"], ids=["one Redis", "two"])
def test_a_report_is_answered_with_200_from_the_spool_and_drained_when_the_replicas_are_back(
    replicated: Replicated, tmp_path: Path, broker: str
) -> None:
    url = replicated.primary.url
    settings = {"store_url": url, "store_replicas": 1, "store_wait": 0.5}
    receiver = Receiver(url.replace("127.0.0.1", broker), tmp_path / "spool", tmp_path / "receiver.log", **settings)  # type: ignore[arg-type]
    spool = Spool(tmp_path / "spool", 1000)
    try:
        receiver.start()
        assert receiver.report(0).status_code == 200
        assert spool.oldest(10) == []
        replicated.freeze()
        assert [receiver.report(number).status_code for number in range(1, 4)] == [200] * 3
        assert [spooled.event.message_id for spooled in spool.oldest(10) if isinstance(spooled.event, StatusEvent)] == [
            "m1",
            "m2",
            "m3",
        ]
        assert "kept by 0 of 1 replicas in time" in (tmp_path / "receiver.log").read_text("utf-8")
        replicated.thaw()
        eventually(lambda: spool.oldest(10) == [], "the spool is drained")
        with open_store(replicated.address()) as redis:
            assert {key.partition("|")[0] for key in redis.hkeys(redis.store_keys.reports)} == {"m0", "m1", "m2", "m3"}
    finally:
        receiver.close()

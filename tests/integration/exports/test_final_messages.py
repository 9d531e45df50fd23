"""The walk through all records: what it finds, and how long the store rests."""

from collections.abc import Iterator

from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.store.final_messages import FinalMessages
from tests.support.final_messages import many
from tests.support.messages import job


def test_every_final_message_is_found_among_many_others(door: Enqueuer, store: Records, redis: StoreRedis) -> None:
    waiting = door.enqueue_all(job() for _ in range(300))
    expected = many(door, store, 1_200)
    pages = list(FinalMessages(redis, lambda _: None).pages())
    assert {one.message_id for page in pages for one in page} == expected
    assert len(waiting) == 300
    assert max(map(len, pages)) < 1_200


def test_the_store_rests_as_long_as_a_step_took(door: Enqueuer, store: Records, redis: StoreRedis) -> None:
    many(door, store, 1_200)
    rests: list[float] = []
    ticks: Iterator[float] = iter(range(0, 10_000, 1))
    list(FinalMessages(redis, rests.append, lambda: next(ticks) / 4).pages())
    assert rests
    assert set(rests) == {0.25}

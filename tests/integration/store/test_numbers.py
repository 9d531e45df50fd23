"""The index of numbers: every message of a number is found by its digest, and nobody else's."""

from uuid import UUID

import pytest

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.message import recipient_digest
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.numbers import PAGE, NumberIndex
from smsrelay.store.outbox import Outbox
from smsrelay.store.records import Records
from tests.support.messages import NUMBER_KEYS, RETENTION, job, store_clock
from tests.support.store_keys import KEYS

TO = "+8613800138000"  # of the jobs
OLD, NEW = b"the-older-key-0815", b"the-newer-key-4711"


@pytest.fixture
def index(redis: StoreRedis) -> NumberIndex:
    return NumberIndex(redis, NUMBER_KEYS)


def enqueued(door: Enqueuer, count: int, first: int = 0) -> list[str]:
    jobs = [job(reference=f"r{number}") for number in range(first, first + count)]
    return [accepted.message_id for accepted in door.enqueue_all(jobs)]


def found(index: NumberIndex, number: str = TO) -> list[str]:
    return [message_id for ids in index.ids(number) for message_id in ids]


def test_all_messages_of_a_number_are_found_over_both_sets_and_several_pages(
    index: NumberIndex, door: Enqueuer, store: Records
) -> None:
    ids = enqueued(door, 2 * PAGE + 150)
    assert sorted(found(index)) == sorted(ids)
    newest = index.records(store, TO, most=10)
    assert len(newest) == 10
    assert newest == sorted(newest, key=lambda record: record.created_at, reverse=True)
    assert {record.message_id for record in index.records(store, TO)} == set(ids)
    assert [one.reference for one in index.records(store, TO, lambda record: record.reference == "r7")] == ["r7"]


def test_a_number_without_messages_has_none(index: NumberIndex, door: Enqueuer) -> None:
    enqueued(door, 3)
    assert found(index, "+8613800138001") == []


def test_a_message_is_found_under_the_key_of_its_time_as_long_as_the_ring_holds_it(redis: StoreRedis, valkey_url: str) -> None:
    for key, reference in ((OLD, "before"), (NEW, "after")):
        numbers = NumberIndex(redis, KeyRing(key))
        with Enqueuer(Outbox(redis, KeyRing(key)), Publisher(valkey_url), {}, Records(redis, RETENTION), numbers=numbers) as door:
            door.enqueue(job(reference=reference))
    records = Records(redis, RETENTION)
    for ring, references in ((KeyRing(NEW, OLD), ["after", "before"]), (KeyRing(NEW), ["after"]), (KeyRing(OLD), ["before"])):
        assert [one.reference for one in NumberIndex(redis, ring).records(records, TO)] == references


def test_an_entry_whose_record_is_gone_is_dropped_and_no_other(index: NumberIndex, door: Enqueuer, redis: StoreRedis) -> None:
    kept, gone = enqueued(door, 2)
    digest = recipient_digest(NUMBER_KEYS.newest, TO)
    first, _ = KEYS.numbers(digest)
    minute = store_clock(redis) // 60_000
    redis.zadd(first, {"of-another-number 16 bytes": minute + 60, digest[2:].encode() + UUID(gone).bytes: minute - 1})
    assert found(index) == [kept]
    assert redis.zcard(first) == 2


def test_a_page_shows_no_digest(index: NumberIndex) -> None:
    digest = recipient_digest(NUMBER_KEYS.newest, TO)
    assert not [part for part in (digest[2:], digest[3:]) if part in repr(index.first_pages(TO))]

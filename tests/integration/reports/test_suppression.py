"""A report that its owner blocks us puts a number on a list, in the very step that applies it."""

from dataclasses import replace

import pytest

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.key_name import key_name
from smsrelay.contract.state import State
from smsrelay.contract.suppression import SuppressedCount
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay.store.suppressions import Suppressions
from tests.support.commands import reads
from tests.support.messages import ACCEPTED, NUMBER_KEYS, answer, applying, begin, job
from tests.support.store_keys import KEYS

TO = "+8613800138000"  # whom every job of these tests is for


@pytest.fixture
def lists(redis: StoreRedis) -> Suppressions:
    return Suppressions(redis, NUMBER_KEYS)


def sent(door: Enqueuer, store: Records) -> str:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, replace(ACCEPTED, external_id=message_id))
    return message_id


def blocked(message_id: str, code: str = "510") -> StatusEvent:
    return StatusEvent(message_id=message_id, attempt=1, code=code, received_at=1)


def test_the_number_joins_the_list_once_however_often_it_is_reported(
    door: Enqueuer, store: Records, redis: StoreRedis, lists: Suppressions
) -> None:
    ids = [sent(door, store) for _ in range(3)]
    reports = applying(store, redis)
    reports.apply_each([blocked(one) for one in (*ids, *ids)])
    [found] = lists.of(TO)
    assert (found.list, found.source, found.key_name) == ("app:default", "status.510", key_name(NUMBER_KEYS.newest))
    assert lists.counts() == [SuppressedCount("app:default", ((key_name(NUMBER_KEYS.newest), 1),))]


def test_it_costs_no_round_trip(door: Enqueuer, store: Records, redis: StoreRedis) -> None:
    reports = applying(store, redis)
    reports.apply(blocked(sent(door, store), "504"))  # which loads the script
    plain, suppressing = sent(door, store), sent(door, store)
    cost = reads(redis, lambda: reports.apply(blocked(plain, "504")))
    assert reads(redis, lambda: reports.apply(blocked(suppressing))) == cost


def test_a_delivery_that_is_reported_later_leaves_the_number_where_it_is(
    door: Enqueuer, store: Records, redis: StoreRedis, lists: Suppressions
) -> None:
    message_id = sent(door, store)
    for code in ("510", "200"):
        applying(store, redis).apply(blocked(message_id, code))
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.state is State.DELIVERED
    assert len(lists.of(TO)) == 1


def test_a_number_that_was_taken_off_the_list_is_not_put_back_by_a_repetition(
    door: Enqueuer, store: Records, redis: StoreRedis, lists: Suppressions
) -> None:
    message_id = sent(door, store)
    applying(store, redis).apply(blocked(message_id))
    lists.remove([TO], "app:default")
    applying(store, redis).apply(blocked(message_id))
    assert lists.of(TO) == []
    assert redis.exists(KEYS.suppressed, KEYS.suppressed_counts) == 0


def test_a_record_of_an_early_version_whose_digest_is_too_short_suppresses_nobody(
    door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    message_id = sent(door, store)
    redis.hset(KEYS.message(message_id), "who", "abcdefgh")
    applying(store, redis).apply(blocked(message_id))
    assert redis.exists(KEYS.suppressed, KEYS.suppressed_counts) == 0

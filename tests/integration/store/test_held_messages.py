"""What a halt held becomes due one by one, on a real store."""

import itertools

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Accepted, Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay.store.traffic.halts import Halts
from smsrelay.store.traffic.held_messages import HeldMessages
from smsrelay_worker.store.due_messages import DueMessages
from tests.integration.store.test_halts import holding
from tests.support.messages import changed, job, store_clock
from tests.support.store_keys import KEYS

PART = "app:default"
RATE = 10.0
APART = 1000 / RATE  # ms


@pytest.fixture
def held(redis: StoreRedis) -> HeldMessages:
    return HeldMessages(redis)


@pytest.fixture
def halts(redis: StoreRedis) -> Halts:
    return Halts(redis)


def held_ones(store: Records, door: Enqueuer, halts: Halts, count: int, lane: Lane = Lane.NOTICE, **fields: object) -> list[str]:
    halts.halt(PART)
    ids = [one.message_id for one in door.enqueue_many(job(lane, **fields) for _ in range(count)) if isinstance(one, Accepted)]
    readings = [reading for reading in store.read_many(ids) if reading is not None]
    store.change_many([(reading, holding(PART)) for reading in readings])
    return ids


def due_at(store: Records, message_ids: list[str]) -> list[int]:
    readings = store.read_many(message_ids)
    return sorted(reading.record.due or 0 for reading in readings if reading is not None)


def test_released_messages_become_due_one_by_one_at_the_rate(
    store: Records, redis: StoreRedis, door: Enqueuer, halts: Halts, held: HeldMessages
) -> None:
    ids = held_ones(store, door, halts, 40)
    halts.resume(PART)
    before = store_clock(redis)
    assert held.release_all(PART, RATE) == 40
    due = due_at(store, ids)
    assert due[0] >= before
    assert [later - sooner for sooner, later in itertools.pairwise(due)] == [APART] * 39
    assert {int(redis.zscore(KEYS.agenda, one) or 0) for one in ids} == set(due)
    assert halts.unfinished() == {}
    assert held.count(PART) == 0
    assert all(reading is not None and reading.record.held is None for reading in store.read_many(ids))


def test_any_process_goes_on_where_another_ended(
    store: Records, redis: StoreRedis, door: Enqueuer, halts: Halts, held: HeldMessages
) -> None:
    ids = held_ones(store, door, halts, 30)
    halts.resume(PART)
    assert held.step(PART, RATE, at_most=7) == 7
    other = HeldMessages(redis)
    while other.step(PART, RATE, at_most=7):
        continue
    due = due_at(store, ids)
    assert due[-1] - due[0] == 29 * APART


def test_each_lane_begins_now(store: Records, redis: StoreRedis, door: Enqueuer, halts: Halts, held: HeldMessages) -> None:
    marketing = held_ones(store, door, halts, 50, Lane.MARKETING)
    codes = held_ones(store, door, halts, 2, Lane.OTP)
    halts.resume(PART)
    held.release_all(PART, RATE)
    assert due_at(store, codes)[-1] - due_at(store, marketing)[0] <= 2 * APART


def test_what_would_become_due_after_its_deadline_goes_between_the_others(
    store: Records, redis: StoreRedis, door: Enqueuer, halts: Halts, held: HeldMessages
) -> None:
    ids = held_ones(store, door, halts, 60, expires_in=180)
    halts.resume(PART)
    now = store_clock(redis)
    held.release_all(PART, 0.1)  # the last one would be due in ten minutes
    due = due_at(store, ids)
    assert due[-1] <= now + 121_000
    assert len(set(due)) > 12  # spread over the time that is left


def test_what_has_less_than_a_minute_left_becomes_due_before_its_deadline(
    store: Records, redis: StoreRedis, door: Enqueuer, halts: Halts, held: HeldMessages
) -> None:
    ids = held_ones(store, door, halts, 60, expires_in=40)
    halts.resume(PART)
    now = store_clock(redis)
    held.release_all(PART, 0.5)  # the last one would be due in two minutes
    due = due_at(store, ids)
    assert due[-1] <= now + 20_100
    assert len(set(due)) > 6  # spread over half of the time that is left


def test_what_has_moved_on_and_what_is_due_is_left_alone(
    store: Records, redis: StoreRedis, door: Enqueuer, halts: Halts, held: HeldMessages
) -> None:
    [gone] = held_ones(store, door, halts, 1)
    changed(store, gone, lambda reading: cancelled(reading.record))
    assert held.count(PART) == 0
    redis.sadd(KEYS.held(PART), gone, "no such message")
    halts.resume(PART)
    assert held.release_all(PART, RATE) == 2
    reading = store.read(gone)
    assert reading is not None
    assert reading.record.state is State.CANCELLED
    assert DueMessages(redis).take(10) == []


def test_a_part_that_is_halted_again_is_not_released_any_further(
    store: Records, door: Enqueuer, halts: Halts, held: HeldMessages
) -> None:
    held_ones(store, door, halts, 5)
    halts.resume(PART)
    held.step(PART, RATE, at_most=2)
    halts.halt(PART)
    assert held.step(PART, RATE) == 0
    assert held.count(PART) == 3


def test_a_retry_of_a_code_does_not_stand_behind_what_is_released(
    store: Records, redis: StoreRedis, door: Enqueuer, halts: Halts, held: HeldMessages
) -> None:
    held_ones(store, door, halts, 1200, Lane.MARKETING)
    halts.resume(PART)
    held.release_all(PART, RATE)
    retried = door.enqueue(job(Lane.OTP)).message_id
    now = store_clock(redis)
    redis.zadd(KEYS.agenda, {retried: now})
    assert retried in DueMessages(redis).take(50)

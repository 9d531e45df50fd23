"""The one submit that tests a shut vendor: no test is lost with a slot that nobody used, and a lost one is soon made good."""

import time
from dataclasses import replace

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.attempts.attempt import Attempt, CompletedAttempt
from smsrelay_worker.attempts.recorder import STALLED
from smsrelay_worker.attempts.submit import Submitter
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.slot import Slot
from smsrelay_worker.vendors.base import Answer, Kind, Vendor
from tests.integration.attempts.test_recorder import recording
from tests.integration.rate_limit.test_limiter import due, store_micros, take
from tests.support.messages import CALLBACK_KEYS, TIMEOUTS, begin, job, sending
from tests.support.scripted_vendor import scripted_vendor, yisha
from tests.support.store_keys import KEYS

HOUR = 3_600_000_000  # microseconds
SHUT = pytest.mark.parametrize("key", [KEYS.circuit, KEYS.halted])


def shut(redis: StoreRedis, key: str) -> RateLimiter:
    """A limiter with its circuit open, or halted, whose test is due."""
    limiter = RateLimiter(redis, 100)
    if key == KEYS.circuit:
        limiter.record_outcomes(answered=0, failed=20)
        redis.hset(key, "wait", 10_000)
    else:
        limiter.halt("A403")
    due(redis, key)
    return limiter


def next_test(redis: StoreRedis, key: str) -> float:
    """Seconds until it is due."""
    return (int(redis.hget(key, "probe") or 0) - store_micros(redis) / 1000) / 1000


@SHUT
def test_a_test_is_not_lost_when_there_is_no_slot_for_it(redis: StoreRedis, key: str) -> None:
    limiter = shut(redis, key)
    limiter.throttle(30)
    assert not take(limiter).slots
    redis.hdel(KEYS.rate, "pause")
    assert [slot.probe for slot in take(limiter).slots] == [True]


@SHUT
def test_a_test_whose_slot_nobody_uses_is_given_back_once(redis: StoreRedis, key: str) -> None:
    limiter, other = shut(redis, key), RateLimiter(redis, 100)
    [slot] = take(limiter).slots
    assert not take(other).slots
    limiter.give_back("t", [(slot, 1)])
    [again] = take(other).slots
    assert again.probe
    limiter.give_back("t", [(slot, 1)])  # no longer the newest
    assert not take(limiter).slots


def test_a_test_given_back_when_all_is_well_again_does_nothing(redis: StoreRedis) -> None:
    limiter = shut(redis, KEYS.circuit)
    [slot] = take(limiter).slots
    limiter.resume()
    limiter.give_back("t", [(slot, 1)])
    assert not redis.exists(KEYS.circuit, KEYS.halted)


@pytest.mark.parametrize(("key", "most"), [(KEYS.circuit, 10.0), (KEYS.halted, 60.0)])
def test_a_test_that_is_lost_with_its_worker_is_soon_followed_by_another(redis: StoreRedis, key: str, most: float) -> None:
    limiter = shut(redis, key)
    assert take(limiter).slots
    assert 0 < next_test(redis, key) <= most


def test_a_circuit_does_not_wait_for_a_clock_that_was_set_back(redis: StoreRedis) -> None:
    limiter = shut(redis, KEYS.circuit)
    redis.hset(KEYS.circuit, "probe", (store_micros(redis) + HOUR) // 1000)
    assert [slot.probe for slot in take(limiter).slots] == [True]


@SHUT
def test_a_test_that_hung_does_not_put_off_the_next_one_by_more_than_if_it_had_failed_at_once(
    redis: StoreRedis, key: str
) -> None:
    limiter = shut(redis, key)
    [hung] = take(limiter).slots
    before = next_test(redis, key)
    limiter.record_outcomes(answered=0, failed=1, probe_succeeded=False, probe_slot=replace(hung, begins=hung.begins - HOUR))
    assert next_test(redis, key) <= before
    limiter.record_outcomes(answered=0, failed=1, probe_succeeded=False, probe_slot=hung)
    longest = 10.0 if key == KEYS.circuit else 300.0
    assert longest - 5 < next_test(redis, key) <= longest


def test_an_attempt_that_never_reached_the_vendor_says_nothing_of_it(redis: StoreRedis, store: Records, door: Enqueuer) -> None:
    limiter = shut(redis, KEYS.circuit)
    [slot] = take(limiter).slots
    begun = begun_in(store, door.enqueue(job(Lane.OTP)).message_id, slot)
    recording(store, redis, lambda: 0.5, limiter=limiter).record(CompletedAttempt(begun, Answer(Kind.UNREACHABLE, STALLED)))
    assert redis.hget(KEYS.circuit, "wait") == "10000"
    assert [slot.probe for slot in take(limiter).slots] == [True]


def test_a_test_that_is_too_late_for_its_slot_is_made_in_another_and_counts(
    redis: StoreRedis, store: Records, door: Enqueuer
) -> None:
    limiter = shut(redis, KEYS.circuit)
    [slot] = take(limiter).slots
    begun = begun_in(store, door.enqueue(job(Lane.OTP)).message_id, replace(slot, until=0.0))
    with scripted_vendor() as script, yisha(script.url) as vendor:
        outcome = submits(redis, store, limiter, vendor).submit(begun)
    assert outcome.text == "submitted (0000)"
    assert not redis.exists(KEYS.circuit)


def test_a_message_that_may_not_start_leaves_the_test_to_the_next_one(redis: StoreRedis, store: Records, door: Enqueuer) -> None:
    shut(redis, KEYS.circuit)
    gone, waits = (door.enqueue(job(Lane.OTP)).message_id for _ in range(2))
    with scripted_vendor() as script, yisha(script.url) as vendor:
        sender = sending(store, redis, vendor, rate=100)
        redis.hset(KEYS.message(gone), "exp", 1)  # its begin finds that it is too late
        sender.attempt([gone])
        sender.attempt([waits])
        assert len(script.received) == 1
    reading = store.read(waits)
    assert reading is not None
    assert reading.record.state is State.SUBMITTED
    assert not redis.exists(KEYS.circuit)


def test_what_waits_for_a_test_does_not_wait_longer_than_that(redis: StoreRedis, store: Records, door: Enqueuer) -> None:
    shut(redis, KEYS.circuit)
    redis.hset(KEYS.circuit, "probe", store_micros(redis) // 1000 + 3000)
    message_id = door.enqueue(job(Lane.OTP)).message_id
    with scripted_vendor() as script, yisha(script.url) as vendor:
        sending(store, redis, vendor).attempt([message_id])
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.due is not None
    assert reading.record.due <= store_micros(redis) / 1000 + 3000 < reading.now + 1000 * TIMEOUTS.halted


def begun_in(store: Records, message_id: str, slot: Slot) -> Attempt:
    """An attempt that was begun right now with this slot."""
    reading, change = store.read(message_id), begin(store, message_id)
    assert reading is not None
    assert change is not None
    assert change.after.begun_at is not None
    return Attempt(change.after, reading.payload, change.after.begun_at, time.monotonic(), slot, 1, time.monotonic())


def submits(redis: StoreRedis, store: Records, limiter: RateLimiter, vendor: Vendor) -> Submitter:
    made = Submitter(
        vendor=vendor,
        limiter=limiter,
        recorder=recording(store, redis, lambda: 0.5, limiter=limiter),
        concurrency=1,
        callback_keys=CALLBACK_KEYS,
        callback_base=None,
        callback_life=3600.0,
        timeouts=TIMEOUTS,
    )
    assert made.in_flight.acquire(1, 0) == 1
    return made

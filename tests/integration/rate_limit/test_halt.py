"""What a halt put off becomes due one by one when it is over, on a real store; and an operator's own halt."""

import itertools

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.rate_limit.halted_messages import HaltedMessages
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.slot import Refusal
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import POLICY, answer, begin, changed, job, store_clock
from tests.support.store_keys import KEYS

HOUR = 3_600_000
FAST = 1_000_000.0  # a second: all become due within milliseconds
WRONG_APPCODE = Answer(Kind.HALTED, "A400AC")


@pytest.fixture
def halted_messages(redis: StoreRedis) -> HaltedMessages:
    return HaltedMessages(redis)


def deferred(store: Records, message_id: str, rule: str = lifecycle.HALTED) -> None:
    changed(store, message_id, lambda reading: lifecycle.deferred(reading.record, reading.now, HOUR, rule, POLICY))


def due(redis: StoreRedis) -> set[str]:
    """What is due now, or within milliseconds; what was deferred is due in an hour."""
    soon = {one for one, at in redis.zrange(KEYS.agenda, 0, -1, withscores=True) if at < store_clock(redis) + 5_000}
    return {str(one) for one in soon}


def test_what_waits_because_of_a_halt_is_due_when_it_is_over(
    store: Records, redis: StoreRedis, door: Enqueuer, halted_messages: HaltedMessages
) -> None:
    ids = [one.message_id for one in door.enqueue_many(job(Lane.NOTICE) for _ in range(1201))]
    for message_id in ids:
        deferred(store, message_id)
    assert due(redis) == set()
    assert halted_messages.wake_all(FAST) == 1201
    assert due(redis) == set(ids)
    assert halted_messages.wake_all(FAST) == 0


def test_what_a_halt_deferred_becomes_due_at_the_rate(
    store: Records, redis: StoreRedis, door: Enqueuer, halted_messages: HaltedMessages
) -> None:
    ids = [door.enqueue(job(Lane.MARKETING)).message_id for _ in range(20)]
    for message_id in ids:
        deferred(store, message_id)
    halted_messages.wake_all(2.0)
    at = sorted(reading.record.due or 0 for reading in store.read_many(ids) if reading is not None)
    assert [later - sooner for sooner, later in itertools.pairwise(at)] == [500] * 19


def test_an_operators_halt_is_never_probed_and_ended_by_no_probe(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 100.0, halt_probe=0.001)
    limiter.halt("A400AC")
    assert limiter.halt_by_operator()
    assert not limiter.halt_by_operator()
    halt = limiter.halted()
    assert halt is not None
    assert halt.by_operator
    assert halt.probe is None
    grant = limiter.acquire(Lane.OTP, "0000000", [1], 0.1)
    assert (grant.slots, grant.refused, grant.next_probe) == ((), Refusal.HALTED, None)
    assert not limiter.record_outcomes(answered=1, failed=0, probe_succeeded=True)
    assert limiter.halted() == halt
    assert limiter.resume()
    assert limiter.acquire(Lane.OTP, "0000000", [1], 1.0).slots


def test_the_one_that_met_the_refusal_is_woken_too_and_keeps_its_attempts(
    store: Records, redis: StoreRedis, door: Enqueuer, halted_messages: HaltedMessages
) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, WRONG_APPCODE)
    assert halted_messages.wake_all(FAST) == 1
    assert due(redis) == {message_id}
    woken = changed(store, message_id, lambda reading: lifecycle.woken(reading.record, POLICY, reading.now))
    assert woken is not None
    assert woken.transition is not None
    assert woken.transition.publish
    begun = begin(store, message_id)
    assert begun is not None
    assert begun.transition is not None
    assert begun.transition.attempt == 1


def test_other_waits_and_what_has_moved_on_are_left_alone(
    store: Records, door: Enqueuer, halted_messages: HaltedMessages, redis: StoreRedis
) -> None:
    throttled, withdrawn, gone = (door.enqueue(job()).message_id for _ in range(3))
    deferred(store, throttled, "rate")
    deferred(store, withdrawn)
    changed(store, withdrawn, lambda reading: cancelled(reading.record))
    assert redis.scard(KEYS.put_off) == 0
    redis.sadd(KEYS.put_off, throttled + "x", withdrawn)
    assert halted_messages.wake_all(FAST) == 2
    assert due(redis) == set()
    reading = store.read(withdrawn)
    assert reading is not None
    assert reading.record.state is State.CANCELLED
    assert redis.scard(KEYS.put_off) == 0
    assert store.read(gone) is not None


def test_who_read_the_old_time_decides_again(
    store: Records, redis: StoreRedis, door: Enqueuer, halted_messages: HaltedMessages
) -> None:
    message_id = door.enqueue(job()).message_id
    deferred(store, message_id)
    before = store.read(message_id)
    assert before is not None
    halted_messages.wake_all(FAST)
    looked = lifecycle.woken(before.record, POLICY, before.now)
    assert looked is not None
    assert not store.apply(before.record, looked)
    assert due(redis) == {message_id}


def test_a_new_halt_during_the_wake_does_not_keep_it_going(
    store: Records, redis: StoreRedis, door: Enqueuer, halted_messages: HaltedMessages
) -> None:
    ids = [one.message_id for one in door.enqueue_many(job() for _ in range(3))]
    for message_id in ids:
        deferred(store, message_id)
    assert halted_messages.wake_all(FAST) == 3
    for message_id in ids:
        deferred(store, message_id)
    assert due(redis) == set()
    assert halted_messages.wake_all(FAST) == 3

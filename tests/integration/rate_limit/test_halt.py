"""What a halt put off is due at once when it is over, on a real store."""

import pytest
from redis import Redis

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.store import keys
from smsrelay.store.records import Records
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.rate_limit.halted_messages import HaltedMessages
from smsrelay_worker.store.due_messages import DueMessages
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import POLICY, answer, begin, changed, job

HOUR = 3_600_000
WRONG_APPCODE = Answer(Kind.HALTED, "A400AC")


@pytest.fixture
def halted_messages(redis: Redis) -> HaltedMessages:
    return HaltedMessages(redis)


def deferred(store: Records, message_id: str, rule: str = lifecycle.HALTED) -> None:
    changed(store, message_id, lambda reading: lifecycle.deferred(reading.record, reading.now, HOUR, rule, POLICY))


def due(redis: Redis) -> set[str]:
    taken = set()
    while some := DueMessages(redis).take(500):
        taken |= set(some)
    return taken


def test_what_waits_because_of_a_halt_is_due_at_once(
    store: Records, redis: Redis, door: Enqueuer, halted_messages: HaltedMessages
) -> None:
    ids = [one.message_id for one in door.enqueue_many(job(Lane.NOTICE) for _ in range(1201))]
    for message_id in ids:
        deferred(store, message_id)
    assert due(redis) == set()
    assert halted_messages.wake_all() == 1201
    assert due(redis) == set(ids)
    assert halted_messages.wake_all() == 0


def test_the_one_that_met_the_refusal_is_woken_too_and_keeps_its_attempts(
    store: Records, redis: Redis, door: Enqueuer, halted_messages: HaltedMessages
) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, WRONG_APPCODE)
    assert halted_messages.wake_all() == 1
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
    store: Records, door: Enqueuer, halted_messages: HaltedMessages, redis: Redis
) -> None:
    throttled, withdrawn, gone = (door.enqueue(job()).message_id for _ in range(3))
    deferred(store, throttled, "rate")
    deferred(store, withdrawn)
    changed(store, withdrawn, lambda reading: cancelled(reading.record))
    assert redis.scard(keys.PUT_OFF) == 0
    redis.sadd(keys.PUT_OFF, throttled + "x", withdrawn)
    assert halted_messages.wake_all() == 2
    assert due(redis) == set()
    reading = store.read(withdrawn)
    assert reading is not None
    assert reading.record.state is State.CANCELLED
    assert redis.scard(keys.PUT_OFF) == 0
    assert store.read(gone) is not None


def test_who_read_the_old_time_decides_again(
    store: Records, redis: Redis, door: Enqueuer, halted_messages: HaltedMessages
) -> None:
    message_id = door.enqueue(job()).message_id
    deferred(store, message_id)
    before = store.read(message_id)
    assert before is not None
    halted_messages.wake_all()
    looked = lifecycle.woken(before.record, POLICY, before.now)
    assert looked is not None
    assert not store.apply(before.record, looked)
    assert due(redis) == {message_id}


def test_a_new_halt_during_the_wake_does_not_keep_it_going(
    store: Records, redis: Redis, door: Enqueuer, halted_messages: HaltedMessages
) -> None:
    ids = [one.message_id for one in door.enqueue_many(job() for _ in range(3))]
    for message_id in ids:
        deferred(store, message_id)
    assert halted_messages.wake_all() == 3
    for message_id in ids:
        deferred(store, message_id)
    assert due(redis) == set()
    assert halted_messages.wake_all() == 3

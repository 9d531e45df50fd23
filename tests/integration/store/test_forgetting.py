"""Forgetting a number in a real store: what is final goes, what is to be sent stays, whatever happens at the same time."""

import threading

import pytest

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import recipient_digest
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.record import Record
from smsrelay.store.connection import StoreRedis
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.outbox import Outbox
from smsrelay.store.records import Records
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.operations.dead_letters import DeadLetters, obstacle_to_replay
from smsrelay_worker.store.forgetting import Forgetting, ForgottenMessages
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import ACCEPTED, NUMBER_KEY, NUMBER_KEYS, RETENTION, agenda, answer, applying, begin, changed
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

NUMBER, OTHER = "+8613912345678", "+8613912345679"
FAILED = Answer(Kind.ANSWERED, "0001")


@pytest.fixture
def forgetting(redis: StoreRedis) -> Forgetting:
    return Forgetting(redis, NUMBER_KEYS)


def sent(door: Enqueuer, to: str = NUMBER) -> str:
    return door.enqueue(SendJob(to=to, template="0000000", params=("1234",), lane=Lane.NOTICE)).message_id


def failed(door: Enqueuer, store: Records, to: str = NUMBER) -> str:
    message_id = sent(door, to)
    begin(store, message_id)
    change = answer(store, message_id, 1, FAILED)
    assert change is not None
    assert change.after.state is State.FAILED
    return message_id


def record_of(store: Records, message_id: str) -> Record:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record


def indexed(redis: StoreRedis, number: str = NUMBER) -> int:
    return sum(redis.zcard(key) for key in KEYS.numbers(recipient_digest(NUMBER_KEY.encode(), number)))


def test_final_messages_are_forgotten_and_others_are_left(
    door: Enqueuer, store: Records, redis: StoreRedis, forgetting: Forgetting
) -> None:
    gone = [failed(door, store), sent(door)]
    changed(store, gone[1], lambda reading: cancelled(reading.record))
    waiting, begun = sent(door), sent(door)
    begin(store, begun)
    other = failed(door, store, OTHER)

    assert forgetting.forget(NUMBER) == ForgottenMessages(2, {State.QUEUED: 1, State.SUBMITTING: 1})

    for one in gone:
        assert record_of(store, one).forgotten
        assert not redis.exists(KEYS.payload(one))
    for one in (waiting, begun, other):
        assert not record_of(store, one).forgotten
        assert redis.exists(KEYS.payload(one))
    assert indexed(redis) == 2
    assert indexed(redis, OTHER) == 1
    assert forgetting.forget(NUMBER) == ForgottenMessages(0, {State.QUEUED: 1, State.SUBMITTING: 1})


def test_what_was_left_is_forgotten_once_it_is_final(door: Enqueuer, store: Records, forgetting: Forgetting) -> None:
    message_id = sent(door)
    forgetting.forget(NUMBER)
    changed(store, message_id, lambda reading: cancelled(reading.record))
    assert forgetting.forget(NUMBER) == ForgottenMessages(1, {})


def test_more_messages_than_one_step_takes_are_all_forgotten(
    door: Enqueuer, store: Records, redis: StoreRedis, forgetting: Forgetting
) -> None:
    ids = [sent(door) for _ in range(1100)]
    for one in ids:
        changed(store, one, lambda reading: cancelled(reading.record))
    waiting = sent(door)
    assert forgetting.forget(NUMBER) == ForgottenMessages(1100, {State.QUEUED: 1})
    assert indexed(redis) == 1
    assert record_of(store, waiting).state is State.QUEUED


def test_it_finds_what_was_accepted_under_an_older_key(redis: StoreRedis, valkey_url: str, store: Records) -> None:
    old, new = b"an older key of numbers", NUMBER_KEY.encode()
    ring = KeyRing(old)
    with Enqueuer(Outbox(redis, ring), Publisher(valkey_url), {}, store, numbers=NumberIndex(redis, ring)) as enqueuer:
        failed(enqueuer, store)
    assert Forgetting(redis, KeyRing(new)).forget(NUMBER).forgotten == 0
    assert Forgetting(redis, KeyRing(new, old)).forget(NUMBER).forgotten == 1


def test_a_forgotten_message_is_not_replayed_and_says_so(
    door: Enqueuer, store: Records, redis: StoreRedis, forgetting: Forgetting
) -> None:
    message_id = failed(door, store)
    assert obstacle_to_replay(store.read(message_id)) is None
    forgetting.forget(NUMBER)
    assert DeadLetters(store, door).replay(message_id) == "forgotten; its number and parameters are deleted"
    assert record_of(store, message_id).state is State.FAILED


def test_a_replay_that_was_decided_before_does_not_wake_a_worker_after(
    door: Enqueuer, store: Records, forgetting: Forgetting
) -> None:
    message_id = failed(door, store)
    reading = store.read(message_id)
    assert reading is not None
    transition = lifecycle.replayed(reading.record, reading.now)
    assert transition is not None
    forgetting.forget(NUMBER)
    assert store.apply(reading.record, transition) is None


def test_a_replay_and_forgetting_at_the_same_time_leave_no_message_without_its_payload(
    door: Enqueuer, store: Records, redis: StoreRedis, forgetting: Forgetting
) -> None:
    ids = [failed(door, store) for _ in range(60)]
    letters = DeadLetters(store, door)
    replays = threading.Thread(target=lambda: [letters.replay(one) for one in ids])
    replays.start()
    while replays.is_alive():
        forgetting.forget(NUMBER)
    replays.join()
    for one in ids:
        record = record_of(store, one)
        assert record.forgotten == (record.state is State.FAILED)
        assert bool(redis.exists(KEYS.payload(one))) == (record.state is State.QUEUED)


def test_a_late_report_on_a_forgotten_message_is_applied_and_brings_nothing_back(
    door: Enqueuer, store: Records, redis: StoreRedis, forgetting: Forgetting
) -> None:
    message_id = failed(door, store)
    forgetting.forget(NUMBER)
    applying(store, redis).apply_each([StatusEvent(message_id=message_id, attempt=1, code="200", received_at=1)])
    record = record_of(store, message_id)
    assert (record.state, record.forgotten) == (State.DELIVERED, True)
    assert indexed(redis) == 0


def test_a_newer_report_that_asks_for_another_attempt_ends_a_forgotten_message_as_expired(
    door: Enqueuer, store: Records, redis: StoreRedis, forgetting: Forgetting, valkey_url: str
) -> None:
    message_id = sent(door)
    begin(store, message_id)
    answer(store, message_id, 1, ACCEPTED)
    reports = applying(store, redis)
    for number, code in enumerate(("504", "503"), 1):
        event = StatusEvent(message_id=message_id, attempt=1, code=code, updated_on=number, received_at=number)
        reports.apply_each([event])
        if code == "504":
            assert forgetting.forget(NUMBER).forgotten == 1
    assert record_of(store, message_id).state is State.RETRYING
    scheduler = agenda(redis, valkey_url, door)
    eventually(lambda: scheduler.turn() is not None and record_of(store, message_id).state is State.EXPIRED, "it expires")
    assert record_of(store, message_id).attempt == 1


def test_attempts_that_caps_count_are_told(redis: StoreRedis, forgetting: Forgetting) -> None:
    redis.rpush(KEYS.caps(recipient_digest(NUMBER_KEY.encode(), NUMBER)), "1 otp 0000000 default")
    assert forgetting.attempts(NUMBER) == 1
    assert Forgetting(redis, KeyRing(b"k" * 16)).attempts(NUMBER) == 0


def test_the_retention_of_a_forgotten_record_stays(
    door: Enqueuer, store: Records, redis: StoreRedis, forgetting: Forgetting
) -> None:
    message_id = failed(door, store)
    before = redis.pttl(KEYS.message(message_id))
    forgetting.forget(NUMBER)
    assert 0 < redis.pttl(KEYS.message(message_id)) <= before <= RETENTION * 1000

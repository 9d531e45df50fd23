"""Test messages over a real store: no vendor, no slot, no halt in their way; a report as the receiver would have recorded it."""

import json
from collections.abc import Iterator

import pytest

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.record import Record
from smsrelay.store.connection import StoreRedis
from smsrelay.store.inbox import Inbox
from smsrelay.store.records import Records
from smsrelay_worker.attempts.sender import Sender
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.vendors.base import Answer, Kind, Submission
from tests.support.messages import applying, enqueuer, job, sending
from tests.support.store_keys import KEYS


class NeverAsked:
    """A vendor adapter that test messages must not reach."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def submit(self, submission: Submission) -> Answer:
        self.taken.append(submission.message_id)
        return Answer(Kind.ANSWERED, "0000")

    def pull(self, external_id: str) -> bytes | None:
        self.taken.append(external_id)
        return None


@pytest.fixture
def vendor() -> NeverAsked:
    return NeverAsked()


@pytest.fixture
def sender(store: Records, redis: StoreRedis, vendor: NeverAsked, valkey_url: str) -> Sender:
    return sending(store, redis, vendor, url=valkey_url)


@pytest.fixture
def door(redis: StoreRedis, valkey_url: str) -> Iterator[Enqueuer]:
    with enqueuer(redis, valkey_url) as opened:
        yield opened


def enqueued(door: Enqueuer, number: str, **fields: object) -> str:
    return door.enqueue(job(**fields).model_copy(update={"to": number}), test=True).message_id


def record_of(store: Records, message_id: str) -> Record:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record


def reports(redis: StoreRedis) -> list[StatusEvent]:
    return [StatusEvent.decode(json.loads(wire)) for wire in redis.hvals(KEYS.reports)]


def test_an_attempt_submits_nothing_and_leaves_the_report_that_the_number_asks_for(
    sender: Sender, door: Enqueuer, store: Records, redis: StoreRedis, vendor: NeverAsked
) -> None:
    message_id = enqueued(door, "13912345504")
    [said] = sender.attempt([message_id])
    assert str(said) == f"notice attempt 1: test message, nothing submitted · {message_id}"
    [event] = reports(redis)
    assert (event.message_id, event.attempt, event.code) == (message_id, 1, "504")
    assert redis.llen("sms.status") == 1
    record = record_of(store, message_id)
    assert [line.rule for line in record.timeline] == ["enqueued", "begun", "test"]
    [applied] = applying(store, redis).apply_each([event])
    assert "test message, code 504, failed" in str(applied)
    assert record_of(store, message_id).state is State.FAILED
    assert vendor.taken == []


def test_test_messages_take_no_slot_and_no_halt_holds_them(
    sender: Sender, door: Enqueuer, store: Records, redis: StoreRedis, vendor: NeverAsked
) -> None:
    RateLimiter(redis, 100.0).halt("http_403", 2**50)
    ids = [enqueued(door, "13912345200") for _ in range(30)]
    live = door.enqueue(job()).message_id
    sender.attempt([*ids, live])
    assert {record_of(store, one).state for one in ids} == {State.SUBMITTED}
    assert record_of(store, live).timeline[-1].rule == "halted"
    assert vendor.taken == []
    assert redis.hexists(KEYS.rate, "next") is False or not redis.hget(KEYS.rate, "next")


def test_a_number_that_ends_in_zeros_gets_no_report(sender: Sender, door: Enqueuer, store: Records, redis: StoreRedis) -> None:
    message_id = enqueued(door, "13912345000")
    sender.attempt([message_id])
    assert record_of(store, message_id).state is State.SUBMITTED
    assert reports(redis) == []


def test_a_second_wake_up_attempts_nothing(sender: Sender, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = enqueued(door, "13912345200")
    sender.attempt([message_id])
    [said] = sender.attempt([message_id])
    assert "nothing to start" in str(said)
    assert len(reports(redis)) == 1


def test_without_a_broker_the_report_waits_in_the_inbox(
    store: Records, redis: StoreRedis, vendor: NeverAsked, door: Enqueuer, closed_port: int
) -> None:
    message_id = enqueued(door, "13912345200")
    sending(store, redis, vendor, url=f"redis://127.0.0.1:{closed_port}/0").attempt([message_id])
    assert record_of(store, message_id).state is State.SUBMITTED
    assert [event.code for event in Inbox(redis).waiting(message_id, None)] == ["200"]

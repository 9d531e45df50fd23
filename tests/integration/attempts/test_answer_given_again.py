"""An answer counts for the begin it belongs to, and for no other: given again, given late, or given to a store that forgot.

A worker is cut off from Redis with an answer in its hands: before the answer is recorded, or after that and before it hears so.
"""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from redis import Redis

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.record import Record
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.records import Records
from smsrelay_worker.attempts.attempt import CompletedAttempt
from smsrelay_worker.attempts.sender import Sender
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.task_result import TaskResult
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.slot import Refusal
from smsrelay_worker.store.counts import Counts
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import (
    POLICY,
    RETENTION,
    TIMEOUTS,
    applying,
    begin,
    changed,
    ended,
    enqueuer,
    job,
    recording,
    sending,
)
from tests.support.scripted_vendor import ACCEPTED, Reaction, Script, answer, close, scripted_vendor, yisha
from tests.support.severed import Severed, severed_after
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

_TRIES = 2 * 3  # the client itself tries three times
_PATIENT = replace(TIMEOUTS, lease=600.0)
_EARLIER = "answer of an earlier begin"

THROTTLED = answer(b"", status="429 Too Many Requests")
HALTED = answer(b"", "X-Ca-Error-Code: A403OK", status="403 Forbidden")
T429, A403 = Answer(Kind.THROTTLED, "http_429"), Answer(Kind.HALTED, "A403OK")


@dataclass(frozen=True)
class Scene:
    """One message; a worker that is cut off with the answer to its first attempt, and one that is not."""

    message_id: str
    store: Records
    redis: StoreRedis
    script: Script
    severed: Severed
    second: Sender
    outcomes: "Future[list[TaskResult]]"

    @property
    def record(self) -> Record:
        return record_of(self.store, self.message_id)

    def second_submits(self, reaction: Reaction) -> None:
        """The other worker begins the same attempt number."""
        self.redis.hset(KEYS.message(self.message_id), "due", 1)
        self.script.reaction = reaction
        self.second.attempt([self.message_id])

    def first_is_back(self) -> None:
        """It gives its answer again, and that is through."""
        self.severed.mend()
        self.outcomes.result()


@contextmanager
def cut_off_scene(redis: StoreRedis, valkey_url: str, first: Reaction, cut_after: bytes) -> Iterator[Scene]:
    """The way of the first worker is cut after the first command that holds ``cut_after``."""
    with enqueuer(redis, valkey_url) as door:
        message_id = door.enqueue(job(Lane.OTP)).message_id
    address, _, database = valkey_url.rpartition("/")
    store = Records(redis, RETENTION)
    with (
        severed_after(int(address.rpartition(":")[2]), cut_after) as severed,
        scripted_vendor() as script,
        yisha(script.url) as vendor,
        ThreadPoolExecutor(1) as thread,
        open_store(StoreAddress(f"redis://127.0.0.1:{severed.port}/{database}")) as far,
    ):
        script.reaction = first
        outcomes = thread.submit(sending(Records(far, RETENTION), far, vendor, timeouts=_PATIENT).attempt, [message_id])
        try:
            eventually(lambda: severed.refused > _TRIES, "the store is asked again")
            yield Scene(message_id, store, redis, script, severed, sending(store, redis, vendor), outcomes)
        finally:
            severed.mend()


@pytest.fixture
def throttled(redis: StoreRedis, valkey_url: str) -> Iterator[Scene]:
    """Cut off after "throttled, put off" was applied, and before the worker hears so."""
    with cut_off_scene(redis, valkey_url, THROTTLED, b'"class.throttled"') as scene:
        yield scene


@pytest.fixture
def halted(redis: StoreRedis, valkey_url: str) -> Iterator[Scene]:
    """The same with a halt."""
    with cut_off_scene(redis, valkey_url, HALTED, b'"class.halted"') as scene:
        yield scene


def test_given_again_while_another_begin_of_the_same_attempt_is_uncertain_it_is_only_noted(throttled: Scene) -> None:
    assert (throttled.record.state, throttled.record.attempt) == (State.QUEUED, 0)
    throttled.second_submits(close)
    uncertain = throttled.record
    wakes = throttled.redis.zscore(KEYS.agenda, uncertain.message_id)
    assert (uncertain.state, uncertain.attempt) == (State.UNCERTAIN, 1)
    throttled.first_is_back()
    record = throttled.record
    assert (record.state, record.attempt, record.owner) == (State.UNCERTAIN, 1, uncertain.owner)
    assert record.timeline[:-1] == uncertain.timeline
    assert (record.timeline[-1].rule, record.timeline[-1].code) == (_EARLIER, "http_429")
    assert throttled.redis.zscore(KEYS.agenda, uncertain.message_id) == wakes
    assert throttled.redis.hget(KEYS.rate, "share") is None, "nobody is slowed down by it"
    assert len(throttled.script.received) == 2


def test_given_again_when_nobody_began_the_attempt_since_it_changes_nothing(throttled: Scene) -> None:
    before = throttled.record
    throttled.first_is_back()
    assert throttled.record == before
    [outcome] = throttled.outcomes.result()
    assert outcome.text == "queued (http_429)"


def test_given_again_after_the_message_was_delivered_it_is_only_noted(throttled: Scene) -> None:
    throttled.second_submits(answer(ACCEPTED))
    event = StatusEvent(message_id=throttled.message_id, attempt=1, code="200", updated_on=1, received_at=1)
    applying(throttled.store, throttled.redis).apply(event)
    throttled.first_is_back()
    assert throttled.record.state is State.DELIVERED
    assert throttled.record.timeline[-1].rule == _EARLIER
    assert throttled.redis.hget(KEYS.rate, "share") is None


def test_a_halt_given_again_after_a_resume_halts_nobody(halted: Scene, redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 100.0)
    limiter.halt("B403MQ")  # others met the same
    assert limiter.resume()
    halted.second_submits(close)
    halted.first_is_back()
    assert halted.record.state is State.UNCERTAIN
    assert limiter.halted() is None


def test_a_halt_given_again_after_a_resume_halts_nobody_although_its_message_still_waits(
    halted: Scene, redis: StoreRedis
) -> None:
    limiter = RateLimiter(redis, 100.0)
    limiter.halt("B403MQ")
    assert limiter.resume()
    before = halted.record
    halted.first_is_back()
    assert halted.record == before
    assert limiter.halted() is None


@pytest.mark.parametrize("ended_by", ["a person", "a probe"])
def test_a_halt_that_reaches_the_store_after_it_was_resumed_puts_its_message_off_and_halts_nobody(
    store: Records, door: Enqueuer, redis: StoreRedis, ended_by: str
) -> None:
    old = ended(store, door.enqueue(job()).message_id, "cut off", A403)
    limiter = RateLimiter(redis, 100.0)
    limiter.halt("B403MQ")
    if ended_by == "a person":
        assert limiter.resume()
    else:
        assert limiter.record_outcomes(answered=1, failed=0, probe_succeeded=True)
    recording(store, redis, limiter=limiter).record(old)
    assert record_of(store, old.attempt.record.message_id).timeline[-1].rule == "class.halted"
    assert limiter.halted() is None
    new = ended(store, door.enqueue(job()).message_id, "at work", A403)
    recording(store, redis, limiter=limiter).record(new)
    halt = limiter.halted()
    assert halt is not None
    assert halt.code == "A403OK"


def test_the_answer_of_an_earlier_begin_neither_opens_nor_closes_anything(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    limiter = RateLimiter(redis, 100.0)
    answers = recording(store, redis, limiter=limiter)
    old = given_up([ended(store, door.enqueue(job()).message_id, "first", T429, probe=True) for _ in range(30)], store, redis)
    for one in old:
        answers.record(replace(one, answer=Answer(Kind.UNCERTAIN, "read_timeout"), recorded=Future()))
    assert limiter.state().circuit is None
    limiter.halt("A403")
    for one in old:
        answers.record(replace(one, answer=Answer(Kind.ANSWERED, "0000"), recorded=Future()))
    assert limiter.halted() is not None
    assert limiter.acquire(Lane.OTP, "0000000", [1], 0.0).refused is Refusal.HALTED


def test_a_probe_counts_whose_report_was_faster_than_its_answer(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 100.0)
    limiter.halt("A403")
    probe = ended(store, door.enqueue(job()).message_id, "me", Answer(Kind.ANSWERED, "0000", external_id="e1"), probe=True)
    event = StatusEvent(message_id=probe.attempt.record.message_id, attempt=1, code="200", updated_on=1, received_at=1)
    applying(store, redis).apply(event)
    recording(store, redis, limiter=limiter).record(probe)
    assert limiter.halted() is None
    assert record_of(store, probe.attempt.record.message_id).external_id == "e1"


def test_the_vendors_id_of_a_replaced_attempt_leads_to_it_and_leaves_the_last_ones_alone(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    answers = recording(store, redis)
    message_id = door.enqueue(job(Lane.OTP)).message_id
    first = ended(store, message_id, "first", Answer(Kind.ANSWERED, "0000", external_id="e1"))
    for _ in range(2):  # its lease runs out, then its window
        changed(store, message_id, lambda reading: lifecycle.woken(reading.record, POLICY, reading.now + 60_000))
    second = ended(store, message_id, "second", Answer(Kind.ANSWERED, "0000", external_id="e2"))
    answers.record(second)
    answers.record(first)
    record = record_of(store, message_id)
    assert (record.state, record.attempt, record.external_id) == (State.SUBMITTED, 2, "e2")
    assert store.submits_of(["e1", "e2"]) == [(message_id, 1), (message_id, 2)]
    applying(store, redis).apply(StatusEvent(external_id="e1", code="200", updated_on=1, received_at=1))
    assert record_of(store, message_id).state is State.DELIVERED


@pytest.mark.parametrize(
    ("reaction", "state"),
    [(answer(ACCEPTED), State.SUBMITTED), (close, State.UNCERTAIN), (answer(b'{"code":"i005"}'), State.FAILED)],
)
@pytest.mark.parametrize("kind", ["queued", "retrying"])
def test_an_answer_to_a_begin_that_the_store_forgot_is_applied_as_a_report_on_it_would_be(
    store: Records,
    counts: Counts,
    door: Enqueuer,
    redis: StoreRedis,
    valkey_url: str,
    reaction: Reaction,
    state: State,
    kind: str,
) -> None:
    message_id = door.enqueue(job(Lane.OTP)).message_id
    if kind == "retrying":
        recording(store, redis).record(ended(store, message_id, "first", Answer(Kind.UNREACHABLE, "connect_error")))
    forget = remembered(valkey_url)
    if kind == "retrying":
        changed(store, message_id, lambda reading: lifecycle.woken(reading.record, POLICY, reading.now + 60_000))
    attempt = record_of(store, message_id).attempt + 1

    def forgotten_meanwhile(connection: socket.socket) -> bool:
        forget()
        return reaction(connection)

    with scripted_vendor() as script, yisha(script.url) as vendor:
        script.reaction = forgotten_meanwhile
        sender = sending(store, redis, vendor)
        sender.attempt([message_id])
        record = record_of(store, message_id)
        assert (record.state, record.attempt) == (state, attempt)
        assert record.external_id == ("ext-1" if state is State.SUBMITTED else None)
        script.reaction = answer(ACCEPTED)
        sender.attempt([message_id])
        assert len(script.received) == 1, "submitted a second time"
    assert counts.waiting(Lane.OTP) == 0


def test_what_was_surely_not_sent_in_a_begin_that_the_store_forgot_is_begun_again(
    store: Records, door: Enqueuer, redis: StoreRedis, valkey_url: str
) -> None:
    message_id = door.enqueue(job(Lane.OTP)).message_id
    forget = remembered(valkey_url)
    unsent = ended(store, message_id, "first", Answer(Kind.UNREACHABLE, "connect_error"))
    forget()
    recording(store, redis).record(unsent)
    assert record_of(store, message_id).state is State.QUEUED
    change = begin(store, message_id, "second")
    assert change is not None
    assert (change.after.state, change.after.attempt) == (State.SUBMITTING, 1)


def test_a_begin_that_the_store_forgot_takes_nothing_from_who_began_the_attempt_since(
    store: Records, door: Enqueuer, redis: StoreRedis, valkey_url: str
) -> None:
    """The record's revision is the same again; only its owner tells the two apart."""
    message_id = door.enqueue(job(Lane.OTP)).message_id
    forget = remembered(valkey_url)
    first = ended(store, message_id, "first", T429)
    forget()
    begin(store, message_id, "second")
    recording(store, redis).record(first)
    record = record_of(store, message_id)
    assert (record.state, record.attempt, record.owner) == (State.SUBMITTING, 1, "second")
    assert record.timeline[-1].rule == _EARLIER


def given_up(old: list[CompletedAttempt], store: Records, redis: StoreRedis) -> list[CompletedAttempt]:
    """The same, once each was put off and begun anew by somebody else."""
    quiet = recording(store, redis)
    for one in old:
        quiet.record(replace(one, attempt=replace(one.attempt, slot=replace(one.attempt.slot, probe=False)), recorded=Future()))
        redis.hset(KEYS.message(one.attempt.record.message_id), "due", 1)
        begin(store, one.attempt.record.message_id, "second")
    redis.delete(KEYS.rate)
    return old


def remembered(url: str) -> Callable[[], None]:
    """Everything in the store as it is now; calling it brings that back, as a log that ends here would."""
    with Redis.from_url(url) as raw:
        kept = {key: raw.dump(key) for key in raw.scan_iter()}

    def forget() -> None:
        with Redis.from_url(url) as raw:
            raw.flushdb()
            for key, value in kept.items():
                raw.restore(key, 0, value)

    return forget


def record_of(store: Records, message_id: str) -> Record:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record

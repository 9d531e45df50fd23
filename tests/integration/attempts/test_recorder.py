"""AnswerRecorder recorded together: whoever comes while another is recording is never forgotten, on a real store."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from smsrelay.enqueue import Enqueuer
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay.store.records import Records
from smsrelay_worker.attempts.attempt import Attempt, CompletedAttempt
from smsrelay_worker.attempts.recorder import AnswerRecorder
from smsrelay_worker.rate_limit.halted_messages import HaltedMessages
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.slot import Slot
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import POLICY, RETENTION, TIMEOUTS, begin, job, pending
from tests.support.waiting import eventually

_SOON = 10.0  # seconds; before the cure it was for ever


def test_an_answer_handed_in_while_another_is_being_recorded_is_recorded_too(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    single, of_a_chunk = (ended(store, accepted.message_id) for accepted in door.enqueue_many([job(), job()]))
    waiting = [of_a_chunk]

    def roll() -> float:
        while waiting:
            answers.record_later(waiting.pop())
        return 0.5

    answers = recording(store, redis, roll)
    answers.record(single)
    eventually(of_a_chunk.recorded.done, "the answer handed in meanwhile is recorded", _SOON)
    assert of_a_chunk.recorded.result().text == "submitted (0000)"


class ThreadEnds(BaseException):
    """What ends a thread."""


@pytest.mark.parametrize("failure", [ThreadEnds, ValueError])
def test_whatever_ends_the_recording_of_one_the_others_are_recorded(
    store: Records, door: Enqueuer, redis: StoreRedis, failure: type[BaseException]
) -> None:
    first, second = (ended(store, accepted.message_id) for accepted in door.enqueue_many([job(), job()]))
    failures = [failure("a failure of ours")]

    def roll() -> float:
        if failures:
            answers.record_later(second)
            raise failures.pop()
        return 0.5

    answers = recording(store, redis, roll)
    with pytest.raises(failure):
        answers.record(first)
    assert first.recorded.exception(0) is not None
    assert second.recorded.result(_SOON).text == "submitted (0000)"


def test_one_that_fails_among_several_fails_alone(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    first, second = (ended(store, accepted.message_id) for accepted in door.enqueue_many([job(), job()]))
    calls, others = list[int](), [second]

    def roll() -> float:
        calls.append(len(calls))
        if len(calls) <= 2:  # with the other one, and then alone
            raise ValueError("a failure of ours")
        return 0.5

    def sleep(_: float) -> None:
        while others:
            answers.record_later(others.pop())

    answers = recording(store, redis, roll, sleep=sleep)
    answers.record_later(first)
    assert isinstance(first.recorded.exception(_SOON), ValueError)
    assert second.recorded.result(_SOON).text == "submitted (0000)"


def test_those_that_come_while_the_store_is_away_are_given_up_with_the_others_when_the_last_lease_is_over(
    store: Records, door: Enqueuer, redis: StoreRedis, closed_port: int
) -> None:
    first, *rest = (ended(store, accepted.message_id) for accepted in door.enqueue_many([job() for _ in range(4)]))
    clock, coming = [0.0], list(rest)

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        if coming:
            answers.record_later(coming.pop())

    away = Records(open_store(StoreAddress(f"redis://127.0.0.1:{closed_port}/0")), RETENTION)
    timeouts = replace(TIMEOUTS, lease=5.0)
    answers = recording(away, redis, lambda: 0.5, sleep=sleep, monotonic=lambda: clock[0], timeouts=timeouts)
    with pytest.raises(StoreUnavailable):
        answers.record(first)
    assert [type(one.recorded.exception(0)) for one in rest] == [StoreUnavailable] * 3
    assert clock[0] <= timeouts.lease


@pytest.mark.parametrize("lease", [0.0, 3.0], ids=["their leases are over", "their leases last"])
def test_an_answer_is_recorded_though_nobody_else_can_be_told_what_follows_from_it(
    store: Records, door: Enqueuer, redis: StoreRedis, closed_port: int, lease: float
) -> None:
    throttled = ended(store, door.enqueue(job()).message_id, Answer(Kind.THROTTLED, "http_429"))
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    limiter = RateLimiter(open_store(StoreAddress(f"redis://127.0.0.1:{closed_port}/0")), 100.0)
    timeouts = replace(TIMEOUTS, lease=lease)
    answers = recording(store, redis, lambda: 0.5, limiter=limiter, sleep=sleep, monotonic=lambda: clock[0], timeouts=timeouts)
    assert answers.record(throttled).text == "queued (http_429)"
    assert clock[0] == pytest.approx(max(0.0, lease - 1.0), abs=1.0)


def ended(store: Records, message_id: str, answer: Answer | None = None) -> CompletedAttempt:
    """An attempt begun in the store, and its answer."""
    change = begin(store, message_id)
    assert change is not None
    assert change.after.begun_at is not None
    accepted = Answer(Kind.ANSWERED, "0000", external_id=f"external of {message_id}")
    return CompletedAttempt(Attempt(change.after, None, change.after.begun_at, 0.0, Slot(0.0, 1.0), 1, 0.0), answer or accepted)


def recording(store: Records, redis: StoreRedis, roll: Callable[[], float], **collaborators: Any) -> AnswerRecorder:
    default = {"limiter": RateLimiter(redis, 100_000.0), "timeouts": TIMEOUTS}
    return AnswerRecorder(
        records=store,
        halted_messages=HaltedMessages(redis),
        policy=POLICY,
        pending=pending(store, redis),
        roll=roll,
        **{**default, **collaborators},
    )

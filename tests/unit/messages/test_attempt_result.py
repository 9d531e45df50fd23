"""An answer counts once, and for the begin it belongs to alone: in every state the message may have come to meanwhile."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition, Wake
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.attempt_result import EARLIER, OVERTAKEN, Standing, answered, counts, standing
from smsrelay_worker.messages.reports import reported
from smsrelay_worker.policy.model import WAITING
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.records import HOUR, NOW, POLICY, event, queued

LEASE = 60_000
ACCEPTED = Answer(Kind.ANSWERED, "0000", external_id="e1")
LOST = Answer(Kind.UNCERTAIN, "read_timeout")
THROTTLED, HALTED = Answer(Kind.THROTTLED, "http_429"), Answer(Kind.HALTED, "A403OK")
ANSWERS = st.one_of(
    st.sampled_from(["0000", "i005", "9999", "x1"]).map(lambda code: Answer(Kind.ANSWERED, code, external_id=f"e{code}")),
    st.sampled_from([kind for kind in Kind if kind is not Kind.ANSWERED]).map(lambda kind: Answer(kind, "some_code")),
)
Step = Callable[[Record, int], Record]


def applied(record: Record, transition: Transition | None, now: int) -> Record:
    return record if transition is None else transition.applied_to(record, now)


def begun(record: Record, owner: str, now: int = NOW) -> Record:
    return applied(record, lifecycle.begin(replace(record, due=None), now, LEASE, owner, POLICY), now)


def given_to(record: Record, attempt: Record, answer: Answer, now: int = NOW) -> Record:
    return applied(record, answered(record, attempt, answer, POLICY, now, 0.5), now)


def woken(record: Record, now: int) -> Record:
    return applied(record, lifecycle.woken(record, POLICY, now), now)


def is_reported(code: str) -> Step:
    def step(record: Record, now: int) -> Record:
        attempt = max(1, record.attempt)
        return applied(record, reported(record, attempt, event(code, now, attempt), POLICY, now, 0.5), now)

    return step


def is_answered(answer: Answer) -> Step:
    """Others are; the first begin has one answer, which is the test's."""
    return lambda record, now: given_to(record, record, answer, now) if record.owner not in {None, "first"} else record


STEPS: list[Step] = [
    *(is_reported(code) for code in ("200", "203", "250", "503", "504")),
    *(is_answered(answer) for answer in (ACCEPTED, LOST, THROTTLED, Answer(Kind.REFUSED, "http_400"))),
    woken,
    woken,
    lambda record, now: begun(record, f"begun at {now}", now),
    lambda record, now: applied(record, lifecycle.replayed(record, now), now),
    lambda record, now: applied(record, lifecycle.deferred(record, now, 5000, "rate", POLICY), now),
]
LATER = st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from([1, 20_000, LEASE, HOUR])), max_size=12)


def some_time_later(record: Record, steps: list[tuple[Step, int]]) -> Record:
    now = NOW + LEASE
    for step, passes in steps:
        now += passes
        record = step(record, now)
    return record


def but_for_the_timeline(record: Record) -> Record:
    return replace(record, timeline=(), revision=0)


@given(st.sampled_from(Lane), ANSWERS, LATER)
def test_the_answer_of_another_begin_changes_nothing_but_the_timeline(
    lane: Lane, answer: Answer, steps: list[tuple[Step, int]]
) -> None:
    first = begun(queued(lane), "first")
    put_off = given_to(first, first, THROTTLED)
    record = some_time_later(begun(put_off, "second", NOW + LEASE), steps)
    told_apart = record.attempt >= first.attempt and record.state is not State.DELIVERED  # which keeps no owner
    for old in [THROTTLED, answer] if told_apart else [THROTTLED]:
        noted = answered(record, first, old, POLICY, NOW + HOUR, 0.5)
        assert noted is not None
        assert (noted.state, noted.wake, noted.rule, noted.publish) == (record.state, Wake.KEEP, EARLIER, False)
        assert but_for_the_timeline(applied(record, noted, NOW + HOUR)) == but_for_the_timeline(record)
        assert not counts(record, first, old, POLICY)


@given(st.sampled_from(Lane), ANSWERS, LATER, LATER)
def test_an_answer_given_again_changes_nothing(
    lane: Lane, answer: Answer, before: list[tuple[Step, int]], after: list[tuple[Step, int]]
) -> None:
    first = begun(queued(lane), "first")
    record = some_time_later(first, before)
    once = given_to(record, first, answer, NOW + 24 * HOUR)
    assert answered(once, first, answer, POLICY, NOW + 24 * HOUR, 0.5) is None
    record = some_time_later(once, after)
    again = given_to(record, first, answer, NOW + 24 * HOUR)
    assert but_for_the_timeline(again) == but_for_the_timeline(record)


@pytest.mark.parametrize("answer", [THROTTLED, HALTED])
def test_an_attempt_that_its_own_answer_put_off_is_not_put_off_once_more(answer: Answer) -> None:
    first = begun(queued(), "first")
    put_off = given_to(first, first, answer)
    assert standing(put_off, first, answer, POLICY) is Standing.APPLIED
    later = woken(put_off, NOW + LEASE)
    assert answered(later, first, answer, POLICY, NOW + LEASE, 0.5) is None
    ended = applied(put_off, cancelled(put_off), NOW)
    assert ended.state is State.CANCELLED
    assert answered(ended, first, answer, POLICY, NOW, 0.5) is None


def test_an_answer_that_its_own_report_overtook_adds_the_vendors_id() -> None:
    first = begun(queued(), "first")
    delivered = is_reported("200")(first, NOW)
    noted = answered(delivered, first, ACCEPTED, POLICY, NOW, 0.5)
    assert noted is not None
    assert (noted.state, noted.rule, noted.external_id, noted.takes_external) == (State.DELIVERED, OVERTAKEN, "e1", True)
    assert counts(delivered, first, ACCEPTED, POLICY), "a probe that was delivered was answered well"


def test_the_vendors_id_of_an_earlier_begin_leads_to_the_message_and_is_not_the_records() -> None:
    first = begun(queued(Lane.OTP), "first")
    resend = woken(woken(first, NOW + LEASE), NOW + 2 * LEASE)
    record = given_to(begun(resend, "second", NOW + 2 * LEASE), begun(resend, "second"), Answer(Kind.ANSWERED, "0000", "e2"))
    noted = answered(record, first, ACCEPTED, POLICY, NOW, 0.5)
    assert noted is not None
    assert (noted.linked_external, noted.line_attempt) == ("e1", 1)
    assert applied(record, noted, NOW).external_id == "e2"


@pytest.mark.parametrize(
    ("answer", "state"),
    [(ACCEPTED, State.SUBMITTED), (Answer(Kind.ANSWERED, "i005"), State.FAILED), (LOST, State.QUEUED)],
)
def test_a_code_is_not_submitted_again_once_its_answer_says_what_became_of_it(answer: Answer, state: State) -> None:
    first = begun(queued(Lane.OTP), "frozen since its submit")
    resend = woken(woken(first, NOW + LEASE), NOW + 2 * LEASE)
    assert resend.state is State.QUEUED
    assert given_to(resend, first, answer, NOW + 2 * LEASE).state is state


@given(LATER, ANSWERS)
def test_a_begin_that_the_store_forgot_is_known_again_by_its_answer(steps: list[tuple[Step, int]], answer: Answer) -> None:
    known = some_time_later(queued(Lane.OTP), steps)
    forgotten = replace(known, attempt=known.attempt + 1, owner="forgotten", begun_at=NOW + 100 * HOUR, state=State.SUBMITTING)
    record = given_to(known, forgotten, answer, NOW + 100 * HOUR)
    if known.state.final or POLICY.for_answer(answer).action in WAITING:
        assert but_for_the_timeline(record) == but_for_the_timeline(known)
    else:
        assert (record.attempt, record.owner, record.begun_at) == (forgotten.attempt, "forgotten", NOW + 100 * HOUR)
        assert record.external_id == answer.external_id
        assert record.state in {State.SUBMITTED, State.UNCERTAIN, State.FAILED}
        assert lifecycle.begin(record, NOW + 100 * HOUR, LEASE, "other", POLICY) is None
        assert answered(record, forgotten, answer, POLICY, NOW + 100 * HOUR, 0.5) is None

"""Outcomes: which transitions are outcomes, what an outbox holds of one, and the last one of a record."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smsrelay.contract.state import State
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.record import Entry, Record
from smsrelay.messages.sinks import OUTCOMES
from smsrelay.messages.transition import Transition, Wake
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.messages.reports import reported
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.records import HOUR, NOW, POLICY, event, queued

outcomes = st.builds(
    Outcome,
    message_id=st.uuids().map(str),
    revision=st.integers(1, 10_000),
    state=st.sampled_from(OUTCOMES),
    attempt=st.integers(0, 999),
    code=st.from_regex(r"[A-Za-z0-9_.\-]{0,24}", fullmatch=True),
    rule=st.from_regex(r"[a-z0-9 ._\-,]{1,40}", fullmatch=True),
    at=st.integers(0, 2**53),
)


def begun() -> Record:
    return moved(queued(), lifecycle.begin(queued(), NOW, 60_000, "me", POLICY))


def moved(record: Record, transition: Transition | None, at: int = NOW) -> Record:
    """The record once the transition is applied, and told if it is an outcome."""
    assert transition is not None
    return transition.applied_to(record, at, told=transition.is_outcome)


def answered(record: Record, code: str = "0000") -> Transition:
    return lifecycle.answered(record, record.attempt, Answer(Kind.ANSWERED, code, external_id="e1"), POLICY, NOW, 0.5)


def reports(record: Record, code: int | str, updated_on: int = NOW) -> Transition:
    transition = reported(record, record.attempt, event(code, updated_on), POLICY, NOW, 0.5)
    assert transition is not None
    return transition


@given(outcomes)
def test_an_outcome_survives_the_outbox(outcome: Outcome) -> None:
    assert Outcome.decode(outcome.encode()) == outcome


@pytest.mark.parametrize("wire", ["", "id|1|d", "id|1|?|1|200|status.200|5", "id|x|d|1|200|status.200|5"])
def test_what_is_no_outcome_is_not_read_as_one(wire: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        Outcome.decode(wire)


def test_the_ends_of_a_message_a_submit_and_a_retry_are_outcomes() -> None:
    submitted = moved(begun(), answered(begun()))
    found = [
        answered(begun()),
        reports(submitted, 200),
        reports(submitted, 504),
        reports(submitted, 250),
        reports(submitted, 503),
        lifecycle.expired(queued(), POLICY),
        cancelled(queued()),
    ]
    assert [one.state for one in found if one is not None and one.is_outcome] == [
        State.SUBMITTED,
        State.DELIVERED,
        State.FAILED,
        State.UNKNOWN,
        State.RETRYING,
        State.EXPIRED,
        State.CANCELLED,
    ]


def test_what_settles_nothing_is_no_outcome() -> None:
    assert not any(
        one.is_outcome
        for one in (
            lifecycle.begin(queued(), NOW, 60_000, "me", POLICY),
            lifecycle.deferred(queued(), NOW, 1000, "rate", POLICY),
            lifecycle.uncertain(begun(), 1, "lease ran out", POLICY, NOW),
            lifecycle.given_back(queued(), NOW, POLICY),
        )
        if one is not None
    )


def test_a_note_is_no_outcome() -> None:
    failed = moved(begun(), reports(begun(), 504))
    late = reported(failed, 1, event(503, NOW - 1000), POLICY, NOW, 0.5)
    assert late is not None
    assert (late.state, late.wake, late.is_outcome) == (State.FAILED, Wake.KEEP, False)


def test_a_silent_transition_is_no_outcome() -> None:
    submitted = moved(begun(), answered(begun()))
    looked = lifecycle.woken(submitted, POLICY, NOW + HOUR)
    assert looked is not None
    assert (looked.state, looked.silent, looked.is_outcome) == (State.SUBMITTED, True, False)


def test_a_folded_line_is_no_outcome() -> None:
    said = lifecycle.outcome(begun(), 1, lifecycle.decide(POLICY.for_status("503"), 0, 0.5), POLICY, NOW)  # type: ignore[arg-type]
    assert said.is_outcome
    assert not replace(said, folds=3).is_outcome


def test_a_final_state_is_an_outcome_however_long_the_timeline() -> None:
    lines = tuple(Entry(NOW, State.SUBMITTING, 1, "", "begun") for _ in range(120))
    long = replace(begun(), timeline=lines)
    delivered = reports(long, 200)
    assert delivered.folded(long) == 1
    assert delivered.is_outcome


def test_each_outcome_of_a_message_has_a_higher_revision() -> None:
    failed = moved(begun(), reports(begun(), 504, NOW))
    other = moved(failed, reports(failed, 507, NOW + 1))
    delivered = moved(other, reports(other, 200))
    told = [Outcome.last_of(one) for one in (failed, other, delivered)]
    assert [(one.state, one.code, one.revision) for one in told if one] == [
        (State.FAILED, "504", failed.revision),
        (State.FAILED, "507", failed.revision + 1),
        (State.DELIVERED, "200", failed.revision + 2),
    ]


def test_a_message_that_fails_again_after_a_replay_is_told_again() -> None:
    failed = moved(begun(), reports(begun(), 504))
    replay = lifecycle.replayed(failed, NOW)
    assert replay is not None
    assert not replay.is_outcome
    waiting = moved(failed, replay)
    again = moved(waiting, lifecycle.begin(waiting, NOW, 60_000, "me", POLICY))
    ended = moved(again, reports(again, 504, NOW + 5))
    told, before = Outcome.last_of(ended), Outcome.last_of(waiting)
    assert told is not None
    assert before == Outcome.last_of(failed)
    assert (told.state, told.attempt, told.revision) == (State.FAILED, 2, ended.revision)
    assert ended.revision > failed.revision


def test_the_last_outcome_stays_as_it_was_told_whatever_is_noted_afterwards() -> None:
    failed = moved(begun(), reports(begun(), 504))
    before = Outcome.last_of(failed)
    for late in range(1, 200):
        failed = moved(failed, lifecycle.noted(failed, 1, "report after the end", str(late)))
    assert before is not None
    assert Outcome.last_of(failed) == before
    assert len(failed.timeline) <= 121


def test_a_note_does_not_replace_the_line_of_the_last_outcome() -> None:
    long = replace(begun(), timeline=tuple(Entry(NOW, State.SUBMITTING, 1, "", "begun") for _ in range(120)))
    failed = moved(long, reports(long, 504))
    for late in range(5):
        failed = moved(failed, lifecycle.noted(failed, 1, "answer of an earlier begin", str(late)))
    told = Outcome.last_of(failed)
    assert told is not None
    assert (told.state, told.code) == (State.FAILED, "504")
    assert len(failed.timeline) == 121


def test_a_message_that_told_nobody_has_no_last_outcome() -> None:
    assert Outcome.last_of(queued()) is None
    assert Outcome.last_of(replace(queued(), outcome=(1, 1))) is None, "its line is no outcome"
    assert Outcome.last_of(replace(queued(), outcome=(1, 9))) is None, "its line is not there"

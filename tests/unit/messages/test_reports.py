from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Wake
from smsrelay_worker.messages import attempt_result, lifecycle
from smsrelay_worker.messages.reports import TIMELINE_CAP, reported
from smsrelay_worker.vendors.base import Answer, Kind
from smsrelay_worker.vendors.yisha.documented_codes import GUIDE_CODES
from tests.support.records import HOUR, NOW, POLICY, after, event, queued


def submitting(lane: Lane = Lane.NOTICE) -> Record:
    return after(queued(lane), lifecycle.begin(queued(lane), NOW, 60_000, "me", POLICY))


def submitted(lane: Lane = Lane.NOTICE) -> Record:
    record = submitting(lane)
    answer = Answer(Kind.ANSWERED, "0000", external_id="e1")
    return after(record, lifecycle.answered(record, 1, answer, POLICY, NOW, 0.5))


def uncertain(lane: Lane = Lane.OTP) -> Record:
    record = submitting(lane)
    return after(record, lifecycle.answered(record, 1, Answer(Kind.UNCERTAIN, "read_timeout"), POLICY, NOW, 0.5))


def resend() -> Record:
    return after(uncertain(), lifecycle.woken(uncertain(), POLICY, NOW + 20_000))


def apply(record: Record, *events: StatusEvent) -> Record:
    for one in events:
        transition = reported(record, one.attempt or 1, one, POLICY, NOW, 0.5)
        record = record if transition is None else after(record, transition)
    return record


def second_attempt(record: Record) -> Record:
    record = after(record, lifecycle.woken(record, POLICY, NOW + 10_000))
    return after(record, lifecycle.begin(record, NOW + 10_000, 60_000, "me", POLICY))


EXPECTED = {
    State.DELIVERED: {"200"},
    State.SUBMITTED: {"203", "290", "292", "295", "599"},
    State.RETRYING: {"503", "505", "210"},
    State.UNKNOWN: {"250"},
    State.FAILED: {
        "207",
        "211",
        "220",
        "221",
        "222",
        "229",
        "230",
        "231",
        "234",
        "237",
        "238",
        "286",
        "500",
        "502",
        "504",
        "506",
        "507",
        "508",
        "510",
        "511",
        "512",
        "513",
        "514",
        "515",
    },
}


@pytest.mark.parametrize(("state", "code"), [(state, code) for state, codes in EXPECTED.items() for code in sorted(codes)])
def test_every_code_of_the_guide_leads_where_the_table_says(state: State, code: str) -> None:
    assert apply(submitted(), event(code)).state is state


def test_the_table_above_names_every_code_of_the_guide() -> None:
    assert set().union(*EXPECTED.values()) == set(GUIDE_CODES)


def test_a_temporary_code_is_retried_until_its_row_is_used_up() -> None:
    record, attempts = submitted(), 1
    while (record := apply(record, event(503, attempt=attempts))).state is State.RETRYING:
        record = second_attempt(record)
        attempts += 1
    assert (record.state, attempts) == (State.FAILED, 4)
    assert record.timeline[-1].rule == "status.503 used up"


def test_a_late_delivery_cancels_a_waiting_retry() -> None:
    record = apply(submitted(), event(503), event(200, NOW + 1))
    assert record.state is State.DELIVERED
    assert lifecycle.woken(record, POLICY, NOW + HOUR) is None
    assert lifecycle.begin(record, NOW + HOUR, 60_000, "me", POLICY) is None


@pytest.mark.parametrize("code", [504, 250])
def test_a_late_delivery_overrides_failed_and_unknown_even_with_an_older_instant(code: int) -> None:
    assert apply(submitted(), event(code, NOW), event(200, NOW - 5000)).state is State.DELIVERED


def test_a_late_delivery_overrides_a_message_that_expired_between_attempts() -> None:
    record = apply(submitted(), event(503))
    record = after(record, lifecycle.woken(record, POLICY, NOW + 25 * HOUR))
    assert record.state is State.EXPIRED
    assert apply(record, event(200)).state is State.DELIVERED


def test_nothing_overrides_delivered() -> None:
    record = apply(submitted(), event(200), *(event(code, NOW + 9) for code in GUIDE_CODES))
    assert record.state is State.DELIVERED


def test_an_older_report_never_overrides_a_newer_one() -> None:
    record = apply(submitted(), event(503, NOW), event(504, NOW - 1))
    assert record.state is State.RETRYING
    assert record.timeline[-1].rule == "report older"


def test_a_newer_permanent_report_cancels_a_waiting_retry() -> None:
    assert apply(submitted(), event(503, NOW), event(504, NOW + 1)).state is State.FAILED


def test_the_same_report_twice_is_one_event() -> None:
    record = apply(submitted(), event(503))
    assert reported(record, 1, event(503), POLICY, NOW, 0.5) is None


def test_a_report_before_the_answer_settles_the_attempt_and_the_answer_adds_its_id() -> None:
    record = apply(submitting(), event(504))
    assert record.state is State.FAILED
    answer = Answer(Kind.ANSWERED, "0000", external_id="e9")
    record = after(record, attempt_result.answered(record, submitting(), answer, POLICY, NOW, 0.5))
    assert (record.state, record.external_id) == (State.FAILED, "e9")


@pytest.mark.parametrize("code", [203, 290])
def test_progress_settles_an_uncertain_attempt_as_submitted(code: int) -> None:
    assert apply(uncertain(), event(code)).state is State.SUBMITTED


def test_progress_calls_back_a_resend_that_is_not_begun_yet() -> None:
    assert resend().state is State.QUEUED
    record = apply(resend(), event(203))
    assert record.state is State.SUBMITTED
    assert lifecycle.begin(record, NOW + 21_000, 60_000, "me", POLICY) is None


def test_a_temporary_failure_turns_a_resend_into_a_retry_that_progress_does_not_call_back() -> None:
    assert apply(resend(), event(210), event(290)).state is State.RETRYING
    assert apply(resend(), event(290), event(210)).state is State.RETRYING


def test_progress_does_not_call_back_a_retry() -> None:
    record = apply(submitted(), event(503))
    record = after(record, lifecycle.woken(record, POLICY, NOW + 10_000))
    assert apply(record, event(203, NOW + 1)).state is State.QUEUED


def test_a_report_on_an_earlier_attempt_changes_nothing_unless_it_is_a_delivery() -> None:
    record = second_attempt(apply(submitted(), event(503)))
    assert apply(record, event(504, NOW + 5, attempt=1)).state is State.SUBMITTING
    assert apply(record, event(200, NOW + 5, attempt=1)).state is State.DELIVERED


def test_an_unlisted_code_is_kept_and_changes_no_state() -> None:
    record = apply(submitted(), event("10000"))
    assert record.state is State.SUBMITTED
    assert (record.timeline[-1].code, record.timeline[-1].rule) == ("10000", "report unlisted")


def test_a_report_on_an_attempt_the_store_lost_counts_as_that_attempt() -> None:
    record = apply(queued(), event(504))
    assert (record.state, record.attempt) == (State.FAILED, 1)


def retrying() -> Record:
    return apply(submitted(), event(503))


def replaying() -> Record:
    failed = apply(submitted(), event(504))
    return after(failed, lifecycle.replayed(failed, NOW))


@pytest.mark.parametrize("known", [submitted(), uncertain(), resend(), retrying(), replaying()])
@pytest.mark.parametrize(
    ("code", "state"), [(203, State.SUBMITTED), (503, State.RETRYING), (504, State.FAILED), (200, State.DELIVERED)]
)
def test_a_report_on_an_attempt_the_store_lost_counts_whatever_the_message_waits_for(
    known: Record, code: int, state: State
) -> None:
    record = apply(known, event(code, attempt=2))
    assert (record.state, record.attempt) == (state, 2)
    assert lifecycle.begin(record, NOW, 60_000, "me", POLICY) is None


def test_a_report_after_a_refusal_or_a_deadline_changes_nothing_unless_it_is_a_delivery() -> None:
    record = submitting()
    refused = after(record, lifecycle.answered(record, 1, Answer(Kind.ANSWERED, "i005"), POLICY, NOW, 0.5))
    assert apply(refused, event(503)).state is State.FAILED
    silent = after(submitted(), lifecycle.woken(submitted(), POLICY, NOW + 72 * HOUR))
    assert apply(silent, event(504)).state is State.UNKNOWN
    assert apply(silent, event(200)).state is State.DELIVERED


def test_reports_without_end_do_not_lengthen_the_timeline_without_end() -> None:
    record = apply(submitted(), *(event(203, NOW + number) for number in range(300)))
    assert len(record.timeline) == TIMELINE_CAP
    assert apply(record, event(200)).state is State.DELIVERED


def test_a_settled_message_leaves_the_agenda_and_a_noted_report_does_not_touch_it() -> None:
    settled = reported(submitted(), 1, event(504), POLICY, NOW, 0.5)
    noted = reported(submitted(), 1, event(203), POLICY, NOW, 0.5)
    assert settled is not None
    assert noted is not None
    assert (settled.wake, noted.wake) == (Wake.NEVER, Wake.KEEP)


reports = st.builds(
    event,
    st.sampled_from([*GUIDE_CODES, "999"]),
    st.one_of(st.none(), st.integers(NOW - 3, NOW + 3)),
)
starts = st.sampled_from([queued(), submitting(), submitted(), uncertain(), uncertain(Lane.NOTICE), resend()])


@given(starts, st.lists(reports, max_size=6), st.data())
def test_any_order_and_repetition_of_the_same_reports_ends_in_the_same_state(
    start: Record, events: list[StatusEvent], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=4)) if events else []))
    assert apply(start, *events).state is apply(start, *other).state


def test_every_order_of_a_progress_a_retry_and_a_failure_ends_alike() -> None:
    events = [event(203, NOW), event(503, NOW + 1), event(504, NOW + 2), event(503, NOW + 3)]
    assert {apply(submitted(), *order).state for order in permutations(events)} == {State.RETRYING}


def test_a_waiting_replay_is_cancelled_by_a_late_delivery_and_by_nothing_else() -> None:
    assert apply(replaying(), event(506, NOW + 9)).state is State.QUEUED
    assert apply(replaying(), event(203, NOW + 9)).state is State.QUEUED
    assert apply(replaying(), event(200, NOW - 9)).state is State.DELIVERED

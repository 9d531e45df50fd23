"""Answers left lying and attempts abandoned for no reason are found; those that a fault explains are not."""

from dataclasses import replace

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Entry
from smsrelay_simulator.records.records import SubmitRecord
from tests.chaos.faults.harm import FOR_EVER, Harm, Stop, given_up, longest_unharmed
from tests.chaos.judge.evidence import Case, Submit
from tests.chaos.judge.lying import LEASE_RAN_OUT, left_lying
from tests.chaos.stage.grip import Grip
from tests.chaos.windows import LEASE, UNCERTAIN_OTP
from tests.support.records import ID, NOW, queued

PID = 4711
HELD = [Grip(ID, NOW - 10, None, killed=False, pid=PID)]
KILLED = Harm(NOW + 500, FOR_EVER, PID)
OVER = 1000 * LEASE


def case(*lines: tuple[float, State, int, str], arrived: float | None = 0.01, lane: Lane = Lane.NOTICE) -> Case:
    """Lines at seconds after ``NOW``; the submit of the first attempt arrived so many seconds after it."""
    entries = tuple(Entry(NOW + int(1000 * at), state, attempt, "", rule) for at, state, attempt, rule in lines)
    record = replace(queued(lane), timeline=entries, state=entries[-1].state, attempt=entries[-1].attempt)
    seen = SubmitRecord(0, NOW / 1000 + (arrived or 0), "sendmsg", "", "", (), "", "", "accept", "accepted", "")
    return Case(ID, None, record, () if arrived is None else (Submit(1, seen),), ())


EARLIER = (State.SUBMITTING, 1, "answer of an earlier begin")
BEGUN = (0.0, State.SUBMITTING, 1, "begun")
RAN_OUT = (LEASE + 0.5, State.UNCERTAIN, 1, LEASE_RAN_OUT)
AGAIN = (LEASE + UNCERTAIN_OTP + 1.0, State.SUBMITTING, 2, "begun")
ABANDONED = case(BEGUN, RAN_OUT)


def answered_after(seconds: float) -> Case:
    return case(BEGUN, (seconds, State.SUBMITTED, 1, "submit.0000"))


def offences(judged: Case, *harms: Harm, held: list[Grip] = HELD) -> list[tuple[int, str]]:
    return [(offence.condition, offence.text) for offence in left_lying([judged], held, harms)]


def test_an_answer_that_is_recorded_soon_is_in_order() -> None:
    assert offences(answered_after(0.5)) == []


def test_an_answer_that_lies_for_seconds_is_found() -> None:
    [(condition, text)] = offences(answered_after(11))
    assert condition == 6
    assert "lay for" in text


def test_an_attempt_whose_lease_runs_out_while_its_process_lives_is_found() -> None:
    [(condition, text)] = offences(ABANDONED)
    assert condition == 6
    assert "abandoned" in text


def test_a_code_that_is_submitted_again_for_it_is_an_attempt_without_a_reason() -> None:
    [(condition, text)] = offences(case(BEGUN, RAN_OUT, AGAIN, lane=Lane.OTP))
    assert condition == 2
    assert "submitted again" in text


def test_an_attempt_that_never_arrived_and_is_abandoned_is_found_too() -> None:
    assert len(offences(case(BEGUN, RAN_OUT, arrived=None))) == 1


@pytest.mark.parametrize(
    "harm",
    [
        KILLED,
        Harm(NOW + 100, NOW + OVER, PID),  # frozen until its lease was over
        Harm(NOW + 100, NOW + OVER),  # no store
    ],
)
def test_one_that_a_fault_explains_is_in_order(harm: Harm) -> None:
    assert offences(ABANDONED, harm) == []


@pytest.mark.parametrize(
    "harm",
    [
        Harm(NOW - 60_000, NOW - 30_000, PID),  # long before
        Harm(NOW + OVER + 5_000, FOR_EVER, PID),  # too late
        Harm(NOW + 500, FOR_EVER, PID + 1),  # another process
        Harm(NOW + 500, NOW + 4_000),  # the store was away for a moment, and back for long
    ],
)
def test_one_that_a_fault_does_not_explain_is_found(harm: Harm) -> None:
    assert len(offences(ABANDONED, harm)) == 1


def test_a_note_that_is_written_while_an_attempt_is_under_way_begins_nothing() -> None:
    [(_, text)] = offences(case(BEGUN, (20.0, *EARLIER), (21.0, State.SUBMITTED, 1, "submit.0000")))
    assert "lay for 18.0 s" in text


def test_an_answer_of_an_earlier_begin_is_asked_of_whoever_made_that_begin() -> None:
    later = [Grip(ID, NOW - 10, NOW + 4_000, killed=False, pid=PID), Grip(ID, NOW + 9_000, None, killed=False, pid=PID + 1)]
    judged = case(BEGUN, (10.0, *BEGUN[1:]), (19.0, *EARLIER))
    assert len(offences(judged, held=later)) == 1
    assert offences(judged, KILLED, held=later) == []


@pytest.mark.parametrize(
    ("stopped", "excused"),
    [(-20.0, False), (-5.0, True), (3.0, True), (12.0, True), (20.0, False)],  # the store is away from 0 to 6
)
def test_what_a_process_gives_up_that_has_to_stop_while_the_store_is_away_is_in_order(stopped: float, excused: bool) -> None:
    harms = [Harm(NOW, NOW + 6_000), Harm(NOW - 60_000, NOW + 60_000, PID + 1)]
    stop = Stop(NOW + int(1000 * stopped), PID)
    assert given_up([stop], harms) == ([Harm(stop.at, FOR_EVER, PID)] if excused else [])


def test_faults_that_overlap_and_leave_no_time_between_explain_it() -> None:
    assert offences(ABANDONED, *(Harm(NOW + 1000 * at, NOW + 1000 * at + 3_000) for at in range(2, LEASE, 9))) == []


def test_when_another_process_held_the_message_too_and_was_killed_nobody_is_blamed() -> None:
    both = [*HELD, replace(HELD[0], pid=PID + 1)]
    assert offences(ABANDONED, replace(KILLED, pid=PID + 1), held=both) == []


def test_when_nobody_is_known_to_have_held_it_nobody_is_blamed() -> None:
    assert offences(ABANDONED, held=[]) == []


def test_the_longest_time_without_harm_is_found_between_before_and_after_faults() -> None:
    harms = [Harm(10_000, 12_000), Harm(30_000, 31_000, PID), Harm(31_000, 90_000, PID + 1)]
    assert longest_unharmed(harms, {PID}, 0, 60_000) == 60_000 - 31_000 - 8_000
    assert longest_unharmed(harms, {PID}, 0, 25_000) == 10_000
    assert longest_unharmed([], {PID}, 0, 5) == 5
    assert longest_unharmed([Harm(0, FOR_EVER)], {PID}, 10, 20) == 0

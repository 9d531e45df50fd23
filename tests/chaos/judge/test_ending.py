"""What is wrong at the end of a run is found: late submits, workers that hang or are not listed, answers to callbacks."""

from dataclasses import replace

import pytest

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay_simulator.records.records import CallbackRecord, SubmitRecord
from tests.chaos.judge.deadline import lateness, too_late
from tests.chaos.judge.ending import Ending, offences_of
from tests.chaos.judge.evidence import Case, Submit
from tests.chaos.load.behaviour import BEHAVIOURS
from tests.chaos.load.load import Sent
from tests.chaos.load.planned import Planned
from tests.chaos.stage.receiving import misanswered
from tests.support.records import ID, NOW, queued

DEADLINE = 2_000  # ms
WELL = Ending(frozenset({1, 2}), frozenset({1, 2}), {}, {1: 0.5, 2: 3.0})


def arrived(after: int, record: Record) -> Case:
    """A message with a deadline of two seconds, one submit of which arrived so many ms after its acceptance."""
    planned = Planned("+8613900000001", "ref", record.lane, BEHAVIOURS[0], expires_in=DEADLINE // 1000)
    seen = SubmitRecord(0, (NOW + after) / 1000, "sendmsg", planned.number, "", (), "", "", "accept", "accepted", "")
    return Case(ID, Sent(planned, ID, accepted=True), record, (Submit(1, seen),), ())


def expiring() -> Record:
    return replace(queued(), expires_at=NOW + DEADLINE)


def delivered() -> Record:
    return replace(queued(), expires_at=0, state=State.DELIVERED)


@pytest.mark.parametrize("record", [expiring(), delivered()])
def test_a_submit_past_its_deadline_is_found_although_a_delivered_message_has_forgotten_it(record: Record) -> None:
    [offence] = too_late([arrived(DEADLINE + 900, record)])
    assert offence.condition == 5
    assert "900 ms past the deadline" in offence.text


@pytest.mark.parametrize("record", [expiring(), delivered()])
def test_one_in_time_or_late_by_what_the_wire_takes_is_in_order_and_the_lateness_is_told(record: Record) -> None:
    cases = [arrived(DEADLINE - 1, record), arrived(DEADLINE + 100, record)]
    assert too_late(cases) == []
    assert lateness(cases) == [100]


def test_workers_that_are_listed_have_nothing_in_hand_and_stop_are_in_order() -> None:
    assert list(offences_of(WELL)) == []


@pytest.mark.parametrize(
    ("ending", "found"),
    [
        (replace(WELL, listed=frozenset({1})), "alive and not listed"),
        (replace(WELL, alive=frozenset({1})), "listed by smsrelay status and not alive"),
        (replace(WELL, in_hand={2: (ID,)}), "task in hand"),
        (replace(WELL, stopped_after={1: 0.5, 2: None}), "worker process 2 was told to stop"),
        (replace(WELL, hung=("worker1: killed",)), "did not stop by itself"),
        (replace(WELL, unready=("receiver1",)), "receiver1 runs and is not ready"),
    ],
)
def test_what_must_not_be_at_the_end_is_found(ending: Ending, found: str) -> None:
    [offence] = offences_of(ending)
    assert offence.condition == 7
    assert found in offence.text


@pytest.mark.parametrize(("http", "in_order"), [(200, True), (503, True), (0, True), (500, False), (404, False)])
def test_a_callback_that_is_answered_as_no_sender_expects_is_found(http: int, in_order: bool) -> None:
    callback = CallbackRecord(0, NOW / 1000, 0, "", "", "", 200, 1, http, forged=False)
    assert (misanswered([Case(ID, None, queued(), (), ((1, callback),))]) == []) is in_order

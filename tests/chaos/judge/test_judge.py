"""The judge finds what it is there to find: a chaos run that cannot fail would prove nothing."""

from dataclasses import replace
from typing import Any

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from smsrelay_simulator.records.records import CallbackRecord, SubmitRecord
from smsrelay_simulator.scripts.script import Script
from smsrelay_worker.policy.toml_file import parse_policy
from tests.chaos.judge.evidence import Case, Submit
from tests.chaos.judge.judge import judge
from tests.chaos.judge.rows import read_rows
from tests.chaos.load.behaviour import AIMED, BEHAVIOURS
from tests.chaos.load.load import Cancel, Sent
from tests.chaos.load.planned import Planned
from tests.chaos.windows import UNCERTAIN_OTP, short_policy
from tests.support.records import ID, NOW, queued

ROWS = read_rows(short_policy())
NUMBER = "+8613900000001"
QUEUED = (State.QUEUED, 0, "", "enqueued")
BEGUN = (State.SUBMITTING, 1, "", "begun")
ACCEPTED = (State.SUBMITTED, 1, "0000", "submit.0000")
DELIVERED = (State.DELIVERED, 1, "200", "status.200")
DELIVERED_2 = (State.DELIVERED, 2, "200", "status.200")


def record(*lines: tuple[State, int, str, str], lane: Lane = Lane.NOTICE) -> Record:
    entries = tuple(Entry(NOW + place, *line) for place, line in enumerate(lines))
    attempt = max(line.attempt for line in entries)
    return replace(queued(lane), state=entries[-1].state, attempt=attempt, timeline=entries)


def submit(attempt: int = 1, outcome: str = "accepted", to: str = NUMBER) -> Submit:
    return Submit(attempt, SubmitRecord(0, NOW / 1000, "sendmsg", to, "0000000", (), "", "", "accept", outcome, ""))


def report(code: int = 200, attempt: int = 1, http: int = 200) -> tuple[int, CallbackRecord]:
    return attempt, CallbackRecord(0, NOW / 1000, 0, NUMBER, "", "", code, 1, http, forged=False)


def case(record: Record | None, *evidence: Any, cancel: Cancel = Cancel.NOT_ASKED, accepted: bool = True) -> Case:
    planned = Planned(NUMBER, "ref", Lane.NOTICE, BEHAVIOURS[0])
    submits = tuple(one for one in evidence if isinstance(one, Submit))
    callbacks = tuple(one for one in evidence if not isinstance(one, Submit))
    return Case(ID, Sent(planned, ID, accepted, cancel), record, submits, callbacks)


def offences(judged: Case) -> list[str]:
    return [offence.text for offence in judge([judged], ROWS)]


def test_a_delivered_message_is_in_order() -> None:
    assert offences(case(record(QUEUED, BEGUN, ACCEPTED, DELIVERED), submit(), report())) == []


def test_a_further_attempt_after_a_reported_503_is_in_order() -> None:
    again = [(State.RETRYING, 1, "503", "status.503"), (State.QUEUED, 1, "", "retry due"), (State.SUBMITTING, 2, "", "begun")]
    told = record(QUEUED, BEGUN, ACCEPTED, *again, (State.DELIVERED, 2, "200", "status.200"))
    assert offences(case(told, submit(1), submit(2), report(503, 1), report(200, 2))) == []


def test_a_throttled_submit_is_no_attempt() -> None:
    told = record(QUEUED, BEGUN, (State.QUEUED, 1, "http_429", "class.throttled"), BEGUN, ACCEPTED, DELIVERED)
    assert offences(case(told, submit(1, "throttled"), submit(1), report())) == []


@pytest.mark.parametrize(
    ("judged", "found"),
    [
        (case(None), "lost"),
        (case(record(QUEUED, BEGUN)), "not final"),
        (case(record(QUEUED, BEGUN, ACCEPTED, DELIVERED), submit(), submit(), report()), "submitted 2 times"),
        (case(record(QUEUED, BEGUN, ACCEPTED, DELIVERED), submit(), submit(2), report()), "never begun"),
        (case(record(QUEUED, BEGUN, ACCEPTED, DELIVERED), submit()), "never reported 200"),
        (case(record(QUEUED, BEGUN, ACCEPTED, DELIVERED), submit(to="+8613900000002"), report()), "another number"),
        (
            case(record(QUEUED, BEGUN, ACCEPTED, (State.UNKNOWN, 1, "", "no report in time")), submit(), report()),
            "a 200 was answered 200",
        ),
        (
            case(record(QUEUED, BEGUN, ACCEPTED, (State.UNKNOWN, 1, "", "no report in time")), submit(), report(504)),
            "not in the timeline",
        ),
        (case(record(QUEUED, BEGUN, ACCEPTED, (State.FAILED, 1, "504", "status.504")), submit()), "never reported"),
        (case(record(QUEUED, BEGUN, (State.FAILED, 1, "i005", "submit.i005")), submit()), "did not refuse"),
        (case(record(QUEUED, (State.EXPIRED, 0, "", "expired"))), "too early"),
        (case(record(QUEUED, (State.CANCELLED, 0, "", "by the app")), submit(), cancel=Cancel.CANCELLED), "yet it was submitted"),
        (case(record(QUEUED, (State.CANCELLED, 0, "", "by the app"))), "nobody asked"),
        (
            case(record(QUEUED, BEGUN, ACCEPTED, DELIVERED), submit(), report(), cancel=Cancel.CANCELLED),
            "told that it is cancelled",
        ),
        (
            case(record(QUEUED, BEGUN, DELIVERED, (State.FAILED, 1, "504", "status.504")), submit(), report(), report(504)),
            "left delivered",
        ),
    ],
)
def test_what_must_not_be_is_found(judged: Case, found: str) -> None:
    assert any(found in text for text in offences(judged))


@pytest.mark.parametrize(
    "reason",
    [
        (State.QUEUED, 1, "", "due"),  # no reason at all
        (State.RETRYING, 1, "504", "status.504"),  # the policy does not retry it
        (State.RETRYING, 1, "503", "status.503"),  # the vendor never reported it
        (State.RETRYING, 1, "connect_error", "class.unreachable"),  # the vendor had taken it
        (State.QUEUED, 1, "", "uncertain.notice"),  # the lane does not resend
    ],
)
def test_a_further_attempt_without_a_reason_that_holds_is_found(reason: tuple[State, int, str, str]) -> None:
    told = record(QUEUED, BEGUN, reason, (State.SUBMITTING, 2, "", "begun"), (State.DELIVERED, 2, "200", "status.200"))
    found = offences(case(told, submit(1), submit(2), report(200, 2)))
    assert any("attempt 2 has no reason that holds" in text for text in found)


@pytest.mark.parametrize(("waited", "holds"), [(UNCERTAIN_OTP, True), (UNCERTAIN_OTP - 2, False)])
def test_an_uncertain_otp_is_submitted_again_after_its_window_only(waited: float, holds: bool) -> None:
    uncertain, again = (State.UNCERTAIN, 1, "read_timeout", "class.uncertain"), (State.QUEUED, 1, "", "uncertain.otp")
    told = record(QUEUED, BEGUN, uncertain, again, (State.SUBMITTING, 2, "", "begun"), DELIVERED_2, lane=Lane.OTP)
    later = tuple(replace(line, at=line.at + int(1000 * waited) * (place > 2)) for place, line in enumerate(told.timeline))
    found = offences(case(replace(told, timeline=later), submit(1), submit(2), report(200, 2)))
    assert any("no reason that holds" in text for text in found) is not holds


def test_a_message_that_no_call_accepted_may_be_absent() -> None:
    assert offences(case(None, accepted=False)) == []


def test_the_short_policy_is_a_policy() -> None:
    parse_policy(short_policy(), "short policy")


@pytest.mark.parametrize("behaviour", [*BEHAVIOURS, *AIMED], ids=lambda behaviour: behaviour.name)
def test_the_simulator_understands_every_behaviour(behaviour: Any) -> None:
    Script.model_validate(behaviour.script)

"""The limits of a run are limits that the relay reads, and the judge finds what breaks one."""

from dataclasses import replace
from typing import Any

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Entry
from smsrelay_simulator.records.records import SubmitRecord
from smsrelay_worker.limits.toml_file import parse_limits
from tests.chaos.judge.evidence import Case, Submit
from tests.chaos.limits.caps import CAPS, OPEN_FIRST, ChaosCap, ClosedPhase, limits_text
from tests.chaos.limits.judge import ON_THE_WIRE, at_closed_hours, over_caps
from tests.chaos.load.behaviour import BEHAVIOURS
from tests.chaos.load.load import TOO_MANY, Sent
from tests.chaos.load.planned import Planned
from tests.support.records import ID, NOW, queued

NUMBER = "+8613903000001"
CLOSED = ClosedPhase(NOW, NOW + 60_000)
CAP = CAPS[0]


def case(*arrivals: tuple[int, str], lane: Lane = CAP.lane, app: str = "shop", refused: str = "", **of_record: Any) -> Case:
    """One message; each arrival in ms after NOW, and how the vendor took it."""
    submits = tuple(
        Submit(place, SubmitRecord(0, (NOW + at) / 1000, "sendmsg", NUMBER, "0000000", (), "", "", "accept", outcome, ""))
        for place, (at, outcome) in enumerate(arrivals, 1)
    )
    sent = Sent(Planned(NUMBER, "ref", lane, BEHAVIOURS[0]), ID, not refused, refused=refused)
    return Case(ID, sent, replace(queued(lane), app=app, **of_record), submits, ())


@pytest.mark.parametrize("closed", [CLOSED, None])
def test_the_limits_of_a_run_are_limits(closed: ClosedPhase | None) -> None:
    limits = parse_limits(limits_text(closed), "limits of the run")
    assert [(cap.name, cap.count, cap.length) for cap in limits.caps] == [
        (cap.name, cap.count, 1000 * cap.seconds) for cap in CAPS
    ]
    assert len(limits.windows) == (closed is not None)


@pytest.mark.parametrize("second", range(0, 60, 7))
def test_the_window_closes_for_a_minute_after_the_processes_have_started(second: int) -> None:
    now = NOW - NOW % 60_000 + 1000 * second
    closed = ClosedPhase.ahead(now)
    [window] = parse_limits(limits_text(closed), "limits of the run").windows
    assert now + 1000 * OPEN_FIRST < closed.since <= now + 180_000
    assert [window.is_open(at) for at in (now, closed.since - 1, closed.since, closed.until - 1, closed.until)] == [
        True,
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("cap", CAPS, ids=lambda cap: cap.name)
def test_one_submit_too_many_is_found(cap: ChaosCap) -> None:
    allowed = [case((place, "accepted"), lane=cap.lane) for place in range(cap.count)]
    soon, later = (case((at, "uncertain"), lane=cap.lane) for at in (1000 * cap.seconds - ON_THE_WIRE - 1, 1000 * cap.seconds))
    assert list(over_caps([*allowed, later], [cap])) == []
    assert [offence.condition for offence in over_caps([*allowed, soon], [cap])] == [11]


def test_what_was_certainly_not_sent_does_not_count() -> None:
    vain = [case((place, outcome)) for place, outcome in enumerate(("refused", "throttled", "halted", "unreachable"))]
    assert list(over_caps([*vain, case((5, "accepted"))])) == []


def test_apps_are_counted_apart_only_where_a_cap_says_so() -> None:
    codes = [case((place, "accepted"), app=app) for place, app in enumerate(("shop", "shop", "bank", "bank"))]
    assert {offence.text.split(":")[0] for offence in over_caps(codes)} == {"the cap codes-of-all-apps was broken"}


def test_a_refused_code_must_not_be_recorded() -> None:
    assert [offence.condition for offence in over_caps([case(refused=TOO_MANY)])] == [11]


@pytest.mark.parametrize(
    ("at", "lane", "any_hour", "found"),
    [
        (-1, Lane.MARKETING, False, False),
        (0, Lane.MARKETING, False, True),
        (59_999, Lane.MARKETING, False, True),
        (60_000, Lane.MARKETING, False, False),
        (0, Lane.MARKETING, True, False),
        (0, Lane.NOTICE, False, False),
    ],
)
def test_marketing_at_closed_hours_is_found(at: int, lane: Lane, any_hour: bool, found: bool) -> None:
    judged = case((at, "accepted"), lane=lane, ignores_window=any_hour, timeline=(Entry(NOW, State.QUEUED, 0),))
    assert bool(list(at_closed_hours([judged], CLOSED))) is found

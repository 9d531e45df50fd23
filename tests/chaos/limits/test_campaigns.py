"""The judge finds a campaign that went on although it was paused or cancelled, and one that counts wrong."""

from collections import Counter
from dataclasses import replace

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.progress import CampaignProgress
from smsrelay.messages.record import Entry
from tests.chaos.faults.calm import calms, loud
from tests.chaos.judge.evidence import Case
from tests.chaos.limits.campaigns import CAMPAIGN_CANCELLED, misled
from tests.chaos.limits.operator import Asked, Steered
from tests.chaos.limits.steering import steerings
from tests.chaos.load.behaviour import BEHAVIOURS
from tests.chaos.load.load import CAMPAIGN_CANCELLED as REFUSED
from tests.chaos.load.load import Sent
from tests.chaos.load.planned import Planned
from tests.support.records import ID, NOW, queued

NAME = "shop/spring"
PAUSED = Steered(NAME, paused=Asked(NOW + 100, NOW + 200), resumed=Asked(NOW + 300, NOW + 400))
CANCELLED = Steered(NAME, cancelled=Asked(NOW + 100, NOW + 200))
RUNNING = Steered(NAME)


def case(*lines: tuple[int, State, int, str], refused: str = "", returned: int = 0, recorded: bool = True) -> Case:
    """One message; each line in ms after NOW."""
    entries = (Entry(NOW, State.QUEUED, 0), *(Entry(NOW + at, state, attempt, "", rule) for at, state, attempt, rule in lines))
    planned = Planned("+8613904000001", "ref", Lane.NOTICE, BEHAVIOURS[0], sender="shop", campaign="spring")
    sent = Sent(planned, ID, not refused, accepted_at=NOW + returned, refused=refused)
    record = replace(queued(Lane.NOTICE), app="shop", campaign="spring", state=entries[-1].state, timeline=entries)
    return Case(ID, sent, record if recorded else None, (), ())


def begun(at: int, attempt: int = 1) -> Case:
    return case((at, State.SUBMITTING, attempt, "begun"))


@pytest.mark.parametrize(
    ("judged", "steered", "found"),
    [
        (begun(250), PAUSED, "while its campaign was paused"),
        (begun(250, 2), PAUSED, "while its campaign was paused"),
        (begun(150), PAUSED, None),  # asked for, and perhaps not in force yet
        (begun(350), PAUSED, None),
        (begun(250), CANCELLED, "50 ms after its campaign was cancelled"),
        (begun(250, 2), CANCELLED, None),  # what was begun goes on
        (case((250, State.SUBMITTING, 1, "answer of an earlier begin")), CANCELLED, None),  # a note
        (begun(150), CANCELLED, None),
        (begun(250), RUNNING, None),
        (case((150, State.CANCELLED, 0, CAMPAIGN_CANCELLED)), CANCELLED, None),
        (case((50, State.CANCELLED, 0, CAMPAIGN_CANCELLED)), CANCELLED, "nobody had asked"),
        (case((150, State.CANCELLED, 0, CAMPAIGN_CANCELLED)), RUNNING, "nobody had asked"),
        (case(refused=REFUSED, returned=150), CANCELLED, "and recorded"),
        (case(refused=REFUSED, returned=150, recorded=False), CANCELLED, None),
        (case(refused=REFUSED, returned=50, recorded=False), CANCELLED, "nobody had asked"),
        (case(refused=REFUSED, returned=50, recorded=False), RUNNING, "nobody had asked"),
    ],
)
def test_a_campaign_that_went_on_is_found(judged: Case, steered: Steered, found: str | None) -> None:
    texts = [offence.text for offence in misled([judged], [steered], [])]
    assert texts == [] if found is None else any(found in text for text in texts)


def test_an_operator_without_an_answer_is_found() -> None:
    steered = Steered(NAME, cancelled=Asked(NOW, None))
    assert [offence.text for offence in misled([], [steered], [])] == [f"{NAME} should have been cancelled, and nobody answered"]


@pytest.mark.parametrize(
    ("counts", "wrong"),
    [({"accepted": 1, "s:cancelled": 1}, 0), ({"accepted": 2, "s:cancelled": 1}, 1), ({"accepted": 1, "s:delivered": 1}, 2)],
)
def test_wrong_counts_are_found(counts: Counter[str], wrong: int) -> None:
    told = CampaignProgress.of(NAME, {name: str(count) for name, count in counts.items()}, NOW)
    judged = case((150, State.CANCELLED, 0, CAMPAIGN_CANCELLED))
    assert len(list(misled([judged], [CANCELLED], [told]))) == wrong


@pytest.mark.parametrize("seconds", [120.0, 600.0])
def test_every_loud_stretch_has_a_campaign_that_is_paused_and_one_that_is_cancelled(seconds: float) -> None:
    quiet = calms(seconds)
    plan, stretches = list(steerings(quiet)), list(loud(quiet))
    assert len({one.campaign for one in plan}) == len(plan) == 2 * len(stretches)
    for since, until in stretches:
        inside = [one for one in plan if (one.since, one.until) == (since, until)]
        assert [(one.pause is None, one.resume is None, one.cancel is None) for one in inside] == [
            (False, False, True),
            (True, True, False),
        ]
        assert all(since < at < until for one in inside for at in (one.pause, one.resume, one.cancel) if at is not None)

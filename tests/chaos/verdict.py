"""The verdict on a run: everything that is judged, and every offence.

Takes what was seen of a run, whatever stage it ran on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smsrelay.messages.progress import CampaignProgress
from smsrelay_worker.store.tallies import Tallied
from tests.chaos.faults.harm import Harm
from tests.chaos.judge.counting import miscounted
from tests.chaos.judge.deadline import too_late
from tests.chaos.judge.drain import Drained
from tests.chaos.judge.ending import Ending, offences_of
from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence, judge
from tests.chaos.judge.lying import left_lying
from tests.chaos.judge.rows import read_rows
from tests.chaos.limits.campaigns import misled
from tests.chaos.limits.caps import ClosedPhase
from tests.chaos.limits.disk import exposed
from tests.chaos.limits.judge import at_closed_hours, over_caps
from tests.chaos.limits.numbers import shown
from tests.chaos.limits.operator import Steered
from tests.chaos.load.load import Sent
from tests.chaos.sinks.judge import judge_tellings
from tests.chaos.sinks.telling import Telling
from tests.chaos.stage.grip import Grip
from tests.chaos.stage.receiving import misanswered
from tests.chaos.windows import short_policy


@dataclass(frozen=True, slots=True)
class Seen:
    """What is judged. ``surprises``: undocumented exceptions, with how often each came."""

    sent: list[Sent]
    cases: list[Case]
    closed: ClosedPhase | None  # of the send window
    steered: list[Steered]
    progress: list[CampaignProgress]
    tellings: list[Telling]
    drained: Drained
    ending: Ending
    grips: list[Grip]
    harms: Sequence[Harm]
    surprises: Mapping[str, int]
    tallied: Tallied
    noticed: Sequence[str]  # by the person who looked at the relay, where it should not have been seen


def offences(seen: Seen, folder: Path, limited: bool) -> list[Offence]:
    """Every broken promise. ``limited``: the run was long enough for every limit to be met."""
    return [*_of_messages(seen), *_of_limits(seen, folder, limited)]


def _of_messages(seen: Seen) -> Iterator[Offence]:
    yield from _shows_nothing(seen)
    yield from judge(seen.cases, read_rows(short_policy()))
    for what in seen.drained.left:
        yield Offence(4, "", f"left over: {what}")
    yield from too_late(seen.cases)
    yield from left_lying(seen.cases, seen.grips, seen.harms)
    yield from offences_of(seen.ending)
    for said, times in seen.surprises.items():
        yield Offence(8, "", f"{said}, {times} times")
    for said in seen.noticed:
        yield Offence(8, "", said)
    yield from misanswered(seen.cases)
    yield from judge_tellings(seen.cases, seen.tellings)
    yield from miscounted(seen.cases, seen.tallied)


def _shows_nothing(seen: Seen) -> Iterator[Offence]:
    if not any(case.submits for case in seen.cases):
        yield Offence(1, "", "nothing was submitted: the run shows nothing")
    if not seen.grips:
        yield Offence(6, "", "nobody was seen with a message in hand: the run does not show whose answers were left lying")
    if not any(telling.processed for telling in seen.tellings):
        yield Offence(9, "", "no sink was told anything: the run does not show whether outcomes are told")


def _of_limits(seen: Seen, folder: Path, limited: bool) -> Iterator[Offence]:
    yield from over_caps(seen.cases)
    yield from at_closed_hours(seen.cases, seen.closed)
    yield from misled(seen.cases, seen.steered, seen.progress)
    yield from exposed(folder)
    if limited:
        yield from shown(seen.cases, seen.sent)

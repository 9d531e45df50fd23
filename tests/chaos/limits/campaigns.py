"""Judges campaigns: nothing begins while one is paused or after it was cancelled, and its counts are true. Pure.

Condition 13. Takes cases, what the operator did, and the progress that the relay tells at the end; returns offences. What had
begun when a campaign was paused or cancelled goes on, so begins are judged and not submits; that each submit had begun is the
second condition.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from smsrelay.contract.state import State
from smsrelay.messages.progress import CampaignProgress
from smsrelay.messages.record import Record
from tests.chaos.judge.begins import begins
from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence
from tests.chaos.limits.operator import Asked, Steered
from tests.chaos.load.load import CAMPAIGN_CANCELLED as REFUSED

CAMPAIGN_CANCELLED = "campaign cancelled"  # the rule, as docs/limits.md has it


def misled(cases: Sequence[Case], steered: Iterable[Steered], told: Iterable[CampaignProgress]) -> Iterator[Offence]:
    """An offence for everything that a campaign did and should not have."""
    by_name = {one.campaign: one for one in steered}
    for one in by_name.values():
        for doing in ("paused", "resumed", "cancelled"):
            asked: Asked | None = getattr(one, doing)
            if asked is not None and asked.answered is None:
                yield Offence(13, "", f"{one.campaign} should have been {doing}, and nobody answered")
    for case in cases:
        name = _name(case)
        if name is not None:
            for text in _offences(case, by_name[name]):
                yield Offence(13, case.message_id, text)
    records = [case.record for case in cases if case.record is not None]
    for progress in told:
        for text in _miscounted(progress, [one for one in records if one.campaign_name == f"{progress.app}/{progress.name}"]):
            yield Offence(13, "", text)


def _name(case: Case) -> str | None:
    if case.record is not None:
        return case.record.campaign_name
    planned = case.sent.planned if case.sent is not None else None
    return f"{planned.app}/{planned.campaign}" if planned is not None and planned.campaign else None


def _offences(case: Case, steered: Steered) -> Iterator[str]:
    record, cancelled = case.record, steered.cancelled
    refused = case.sent is not None and case.sent.refused == REFUSED
    if refused and record is not None:
        yield "was refused because its campaign was cancelled, and recorded"
    if refused and case.sent is not None and (cancelled is None or case.sent.accepted_at < cancelled.at):
        yield "was refused because its campaign was cancelled, which nobody had asked for"
    if record is None:
        return
    for line in begins(record.timeline):
        if line.attempt == 1 and cancelled is not None and cancelled.answered is not None and line.at > cancelled.answered:
            yield f"its first attempt began {line.at - cancelled.answered} ms after its campaign was cancelled"
        if _is_paused(steered, line.at):
            yield f"attempt {line.attempt} began while its campaign was paused"
    yield from _ended(record, cancelled)


def _is_paused(steered: Steered, at: int) -> bool:
    paused, resumed = steered.paused, steered.resumed
    return paused is not None and paused.answered is not None and resumed is not None and paused.answered < at < resumed.at


def _ended(record: Record, cancelled: Asked | None) -> Iterator[str]:
    for line in record.timeline:
        if line.rule == CAMPAIGN_CANCELLED and (cancelled is None or line.at < cancelled.at):
            yield "was cancelled with its campaign, which nobody had asked for"


def _miscounted(progress: CampaignProgress, records: Sequence[Record]) -> Iterator[str]:
    there = Counter(record.state for record in records)
    said = {
        State.DELIVERED: progress.delivered,
        State.FAILED: progress.failed,
        State.EXPIRED: progress.expired,
        State.CANCELLED: progress.cancelled,
        State.UNKNOWN: progress.unknown,
    }
    name = f"{progress.app}/{progress.name}"
    if progress.accepted != len(records):
        yield f"{name} counts {progress.accepted} accepted messages; there are {len(records)}"
    for state, count in said.items():
        if count != there[state]:
            yield f"{name} counts {count} {state.value}; there are {there[state]}"

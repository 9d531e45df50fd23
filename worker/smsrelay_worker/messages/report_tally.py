"""What the vendor's reports add to the counts of the store. Pure."""

from enum import StrEnum

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from smsrelay.messages.tally import DELIVERY, NOTHING, Tally, observed
from smsrelay.messages.transition import Transition, Wake

UNLISTED = "report unlisted"  # the rule of a line


class ReportResult(StrEnum):
    """What became of a callback. Those that could not be read, or whose processing failed, are counted where they are kept."""

    APPLIED = "applied"  # it moved its message on, or confirmed where it is
    LATE = "late"  # something newer, or the end, had come before
    UNLISTED = "unlisted"  # the policy has no row for its code
    DUPLICATE = "duplicate"  # it had been applied before
    UNMATCHED = "unmatched"  # nothing is known, so far, of its message or submit


def delivery_tally(record: Record, moved: Transition, attempt: int, now: int) -> Tally:
    """How long ago the attempt that a report delivers had begun; nothing if the record does not tell, or was delivered before."""
    if moved.state is not State.DELIVERED or record.state is State.DELIVERED:
        return NOTHING
    begun = [line.at for line in record.timeline if line.state is State.SUBMITTING and line.attempt == attempt]
    return observed(DELIVERY, record.lane.value, now - begun[-1]) if begun else NOTHING


def report_result(record: Record, attempt: int, event: StatusEvent, moved: Transition | None) -> ReportResult:
    """What became of a report on an attempt, which led to ``moved``."""
    if moved is not None:
        return _of_rule(moved.rule) if moved.wake is Wake.KEEP else ReportResult.APPLIED
    line = applied_before(record, attempt, event)
    if line is None:
        return ReportResult.LATE  # the timeline is full
    # A line written after the report was received is its own: whoever applied it was killed before it could say so.
    return _of_rule(line.rule) if line.at >= event.received_at else ReportResult.DUPLICATE


def applied_before(record: Record, attempt: int, event: StatusEvent) -> Entry | None:
    """The line of a report that was applied before; the same however often it comes."""
    report = (attempt, event.code, event.updated_on)
    lines = (line for line in record.timeline if is_report(line))
    return next((line for line in lines if (line.attempt, line.code, line.updated_on) == report), None)


def is_report(line: Entry) -> bool:
    """Whether a line is about a report."""
    return line.rule.startswith(("status.", "report"))


def _of_rule(rule: str) -> ReportResult:
    if rule == UNLISTED:
        return ReportResult.UNLISTED
    return ReportResult.LATE if rule.startswith("report") else ReportResult.APPLIED

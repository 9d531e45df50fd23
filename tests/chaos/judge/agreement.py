"""Checks that a message's final state agrees with what the simulator did. Pure.

Takes a case with its record, and the policy's rows; returns one sentence per disagreement. A report answered 200 must have been
applied. A report that was sent but not answered 200 may or may not have been applied.
"""

from collections.abc import Callable, Iterator

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from tests.chaos.judge.evidence import Case
from tests.chaos.judge.rows import Rows
from tests.chaos.load.load import Cancel

_WITH_ITS_CAMPAIGN = "campaign cancelled"  # whether that was asked for is judged with campaigns
_Check = Callable[[Case, Record, Entry, Rows], Iterator[str]]


def disagreements(case: Case, record: Record, rows: Rows) -> Iterator[str]:
    """Every disagreement between store and simulator, as sentences."""
    yield from _about_the_number(case)
    if record.state is not State.DELIVERED and any(code == "200" for _, code in case.told):
        yield f"{record.state.value}, yet a 200 was answered 200"
    if case.sent is not None and case.sent.cancel is Cancel.CANCELLED and record.state is not State.CANCELLED:
        yield f"{record.state.value}, yet the app was told that it is cancelled"
    yield from _CHECKS[record.state](case, record, deciding(record), rows)


def _about_the_number(case: Case) -> Iterator[str]:
    if case.sent is None:
        return
    number = case.sent.planned.number
    if any(submit.seen.recipient != number for submit in case.submits):
        yield "was submitted to another number"


def deciding(record: Record) -> Entry:
    """The timeline entry that made the state final."""
    line = record.timeline[-1]
    for before in reversed(record.timeline):
        if before.state is not record.state:
            break
        line = before
    return line


def _delivered(case: Case, record: Record, line: Entry, rows: Rows) -> Iterator[str]:
    if not any(code == "200" for _, code in case.tried):
        yield "delivered, yet the vendor never reported 200"


def _failed(case: Case, record: Record, line: Entry, rows: Rows) -> Iterator[str]:
    rule = line.rule.removesuffix(" used up")
    if rule.startswith("status."):
        if (line.attempt, rule.removeprefix("status.")) not in case.tried:
            yield f"failed by {line.rule}, which the vendor never reported on attempt {line.attempt}"
    elif not any(submit.attempt == line.attempt and submit.seen.outcome == "refused" for submit in case.submits):
        yield f"failed by {line.rule}, yet the vendor did not refuse attempt {line.attempt}"
    if line.rule.endswith(" used up") and record.attempt <= (rows.retries.get(rule) or 0):
        yield f"failed by {line.rule} after {record.attempt} attempts"


def _unknown(case: Case, record: Record, line: Entry, rows: Rows) -> Iterator[str]:
    if line.rule == "no report in time":
        before = record.timeline[: record.timeline.index(line)]
        settled = [one for one in before if one.attempt == record.attempt and one.rule.startswith("status.")]
        if any(rows.decisive(one.code) for one in settled):
            yield "unknown, yet a report had settled the last attempt"
    elif not line.rule.startswith("status.") or (line.attempt, line.code) not in case.tried:
        yield f"unknown by {line.rule}, which the vendor never reported"


def _expired(case: Case, record: Record, line: Entry, rows: Rows) -> Iterator[str]:
    if line.at < record.expires_at:
        yield f"expired {record.expires_at - line.at} ms too early"
    sent = [submit.attempt for submit in case.submits if submit.seen.outcome == "accepted"]
    if sent:
        after = [one for one in record.timeline if one.attempt == max(sent) and one.state is State.RETRYING]
        if not after:
            yield f"expired, yet attempt {max(sent)} was accepted and no report settled it"


def _cancelled(case: Case, record: Record, line: Entry, rows: Rows) -> Iterator[str]:
    if any(submit.executed for submit in case.submits):
        yield "cancelled, yet it was submitted"
    if case.sent is not None and case.sent.cancel is Cancel.NOT_ASKED and line.rule != _WITH_ITS_CAMPAIGN:
        yield "cancelled, yet nobody asked for it"


_CHECKS: dict[State, _Check] = {
    State.DELIVERED: _delivered,
    State.FAILED: _failed,
    State.UNKNOWN: _unknown,
    State.EXPIRED: _expired,
    State.CANCELLED: _cancelled,
}

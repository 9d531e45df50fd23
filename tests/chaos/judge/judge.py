"""Judges whether every message was treated as promised. Pure.

Takes the cases and the policy's rows; returns an ``Offence`` for each violation. The conditions, by number:
1. an accepted message is in exactly one final state, and that state agrees with what the simulator did;
2. no attempt was submitted twice, and each further attempt has a reason in the timeline that the policy allows and the simulator
   confirms;
3. a report that was answered 200 is in the timeline.
The fourth condition, that the backlog drains by itself, is checked by ``drain``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from tests.chaos.judge.agreement import disagreements
from tests.chaos.judge.begins import begins
from tests.chaos.judge.evidence import Case
from tests.chaos.judge.rows import Rows

_REPORTS = ("status.", "report")
_TOLERANCE = 1.0  # seconds of skew allowed between the deciding worker's clock and the store's


@dataclass(frozen=True, slots=True)
class Offence:
    """One broken promise about a message, as a sentence."""

    condition: int
    message_id: str
    text: str


def judge(cases: Iterable[Case], rows: Rows) -> list[Offence]:
    """Every offence of every message."""
    return [offence for case in cases for offence in _offences(case, rows)]


def _offences(case: Case, rows: Rows) -> Iterator[Offence]:
    for condition, check in ((1, _final), (2, _never_twice), (3, _reports_applied)):
        for text in check(case, rows):
            yield Offence(condition, case.message_id, text)


def _final(case: Case, rows: Rows) -> Iterator[str]:
    if case.record is None:
        if case.owed:
            yield "lost: it was accepted and has no record"
        elif case.submits:
            yield "submitted without a record"
        return
    if not case.record.state.final:
        yield f"not final: {case.record.state.value}"
        return
    yield from _final_once(case.record)
    yield from disagreements(case, case.record, rows)


def _final_once(record: Record) -> Iterator[str]:
    """A message never leaves delivered; it leaves any other final state only through a report."""
    for before, line in zip(record.timeline, record.timeline[1:], strict=False):
        if before.state is State.DELIVERED and line.state is not State.DELIVERED:
            yield f"left delivered by {line.rule}"
        elif before.state.final and line.state is not before.state and not line.rule.startswith(_REPORTS):
            yield f"left the final state {before.state.value} by {line.rule}"


def _never_twice(case: Case, rows: Rows) -> Iterator[str]:
    executed = Counter(submit.attempt for submit in case.submits if submit.executed)
    yield from (f"attempt {attempt} was submitted {count} times" for attempt, count in executed.items() if count > 1)
    timeline = case.record.timeline if case.record is not None else ()
    begun = [line.attempt for line in begins(timeline)]
    yield from (f"attempt {attempt} was submitted and never begun" for attempt in executed if attempt not in begun)
    for attempt in sorted({one for one in begun if one > 1}):
        reasons = [line for line in timeline if line.attempt == attempt - 1 and _is_reason(line)]
        if not any(_allowed(line, case, rows) for line in reasons):
            yield f"attempt {attempt} has no reason that holds; named: {[line.rule for line in reasons]}"
    yield from _too_often(timeline, rows)


def _is_reason(line: Entry) -> bool:
    return line.state is State.RETRYING or line.rule.startswith(("uncertain.", "replay"))


def _allowed(line: Entry, case: Case, rows: Rows) -> bool:
    """Whether the policy allows this reason and the simulator confirms it."""
    if line.rule.startswith("replay"):
        return True
    if line.rule.startswith("uncertain."):
        return _waited(line, case, rows)
    if line.rule not in rows.retries:
        return False
    if line.rule.startswith("status."):
        return (line.attempt, line.rule.removeprefix("status.")) in case.tried
    of_it = [submit.seen.outcome for submit in case.submits if submit.attempt == line.attempt and submit.executed]
    return all(outcome == "unreachable" for outcome in of_it)  # recorded as certainly not sent


def _waited(line: Entry, case: Case, rows: Rows) -> bool:
    """Whether the lane resubmits, and did so only after its window."""
    lane, record = line.rule.removeprefix("uncertain."), case.record
    if record is None or lane != record.lane.value or rows.resends[lane] == 0:
        return False
    since = [one.at for one in record.timeline if one.state is State.UNCERTAIN and one.attempt == line.attempt]
    return bool(since) and line.at - since[0] >= 1000 * (rows.windows[lane] - _TOLERANCE)


def _too_often(timeline: tuple[Entry, ...], rows: Rows) -> Iterator[str]:
    used = Counter({line.rule: 0 for line in timeline})
    used.update({rule: len({line.attempt for line in timeline if line.rule == rule and _is_reason(line)}) for rule in used})
    for rule, count in used.items():
        allowed = rows.resends[rule.removeprefix("uncertain.")] if rule.startswith("uncertain.") else rows.retries.get(rule)
        if allowed is not None and count > allowed:
            yield f"{rule} caused {count} further attempts; allowed: {allowed}"


def _reports_applied(case: Case, rows: Rows) -> Iterator[str]:
    timeline = case.record.timeline if case.record is not None else ()
    applied = {(line.attempt, line.code) for line in timeline if line.rule.startswith(_REPORTS)}
    for attempt, code in sorted(case.told - applied):
        yield f"the report {code} on attempt {attempt} was answered 200 and is not in the timeline"

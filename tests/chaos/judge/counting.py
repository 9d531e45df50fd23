"""Checks what the store has counted against the records, and against what the vendor saw. Pure.

Takes the cases and the counts after the drain; returns offences. What the records tell must be counted exactly, whatever was
killed. The vendor saw a submit without the relay knowing of it only where an attempt has neither an answer nor a lease that ran
out, because a report settled it after its process was killed; so far, and no further, the two may differ.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from smsrelay_worker.store.tallies import Tallied
from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence

_CONDITION = 15
_ANSWERS = ("submit.", "class.", "answer")
_UNSENT = "deadline_passed"
_LOST = "lease ran out"
_BY_VENDOR = {"answered": {"accepted", "refused"}, "throttled": {"throttled"}, "halted": {"halted"}}
_Count = Mapping[tuple[str, ...], int]


def miscounted(cases: Sequence[Case], tallied: Tallied) -> Iterator[Offence]:
    """An offence for each count that is not what it must be."""
    records = [case.record for case in cases if case.record is not None and not case.record.test]
    for text in (*_of_records(records, tallied), *_of_submits(cases, records, tallied), *_of_callbacks(cases, tallied)):
        yield Offence(_CONDITION, "", text)


def _of_records(records: Iterable[Record], tallied: Tallied) -> Iterator[str]:
    records = list(records)
    accepted = Counter((record.app, record.lane.value) for record in records)
    yield from _differences("accepted", accepted, tallied.family("accepted"))
    final = Counter(
        (record.lane.value, line.state.value)
        for record in records
        for before, line in zip(record.timeline, record.timeline[1:], strict=False)
        if line.state.final and line.state is not before.state
    )
    yield from _differences("final", final, _without_last(tallied.family("final")))
    begun = Counter((record.lane.value,) for record in records for _ in _lines(record, State.SUBMITTING))
    yield from _differences("begun", begun, tallied.family("begun"))
    if left := {lane.value: count for lane, count in tallied.in_flight().items() if count}:
        yield f"in flight after the drain: {left}"


def _of_submits(cases: Sequence[Case], records: Sequence[Record], tallied: Tallied) -> Iterator[str]:
    counted = Counter[str]()
    for (_, _, kind, _), count in tallied.family("submits").items():
        counted[kind] += count
    lost = sum(line.rule == _LOST for record in records for line in record.timeline)
    answers = sum(_is_answer(line) for record in records for line in record.timeline)
    known = counted.total() - counted["unknown"]
    if counted["unknown"] != lost:
        yield f"{counted['unknown']} submits are counted as unknown, of {lost} leases that ran out"
    if known != answers:
        yield f"{known} answers are counted, of {answers} in the timelines"
    arrived = Counter(submit.seen.outcome for case in cases for submit in case.submits)
    for kind, outcomes in _BY_VENDOR.items():
        most = sum(arrived[outcome] for outcome in outcomes)
        if counted[kind] > most:
            yield f"{counted[kind]} submits are counted as {kind}; the vendor answered {most} so"
    begun = sum(1 for record in records for _ in _lines(record, State.SUBMITTING))
    unsettled = max(0, begun - answers - lost)
    if arrived.total() - unsettled > counted.total():
        yield f"{counted.total()} submits are counted, and {arrived.total()} arrived, of which {unsettled} may have no answer"


def _of_callbacks(cases: Sequence[Case], tallied: Tallied) -> Iterator[str]:
    counted = sum(count for (result,), count in tallied.family("callbacks").items() if result != "refused")
    least, most = (
        sum(len(case.told) for case in cases),
        sum(one.http in {0, 200, 503} for case in cases for _, one in case.callbacks),
    )
    if not least <= counted <= most:
        yield f"{counted} callbacks are counted; {least} different ones were answered 200, and {most} were sent"


def _lines(record: Record, state: State) -> Iterator[Entry]:
    return (line for line in record.timeline if line.state is state and line.rule == "begun")


def _is_answer(line: Entry) -> bool:
    return line.rule.startswith(_ANSWERS) or line.code == _UNSENT


def _without_last(counts: _Count) -> _Count:
    found = Counter[tuple[str, ...]]()
    for labels, count in counts.items():
        found[labels[:-1]] += count
    return found


def _differences(family: str, expected: _Count, counted: _Count) -> Iterator[str]:
    for labels in sorted({*expected, *counted}):
        if expected.get(labels, 0) != counted.get(labels, 0):
            yield f"{family} {', '.join(labels)}: counted {counted.get(labels, 0)}, in the records {expected.get(labels, 0)}"

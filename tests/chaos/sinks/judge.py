"""Judges what the sinks were told. Pure.

Takes cases and tellings; returns an ``Offence`` for each violation:
9. every final state of a message whose app has a sink for it was told to that sink, at least once, and the app acted on it; the
   last revision that was told is the record's last outcome;
10. nothing was told that did not happen: each telling came to the right sink, with a signature that holds, and names a message, a
    revision and a line of its timeline; a revision is always told in the same words, and a higher one tells of a later line.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from tests.chaos.judge.agreement import deciding
from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence
from tests.chaos.sinks.apps import BY_NAME, tags_of
from tests.chaos.sinks.telling import Telling

_LONGEST_TIMELINE = 120  # lines: beyond that the last one is overwritten, and a line that was told may be gone


def judge_tellings(cases: Iterable[Case], tellings: Iterable[Telling]) -> list[Offence]:
    """Every offence."""
    by_message: dict[str, list[Telling]] = defaultdict(list)
    for telling in tellings:
        by_message[message_of(telling)].append(telling)
    known = {case.message_id: case for case in cases}
    return [
        *(
            Offence(10, message_id, f"{told[0].place} was told of a message that nobody knows: {told[0].event_id}")
            for message_id, told in by_message.items()
            if message_id not in known or known[message_id].record is None
        ),
        *(offence for case in known.values() if case.record for offence in _of(case, case.record, by_message[case.message_id])),
    ]


def message_of(telling: Telling) -> str:
    """The id of the message that a telling is about; empty when it names none."""
    found = _data(telling).get("id")
    return found if isinstance(found, str) else ""


def owed(case: Case) -> str | None:
    """The sink that must have been told of the message's end."""
    record = case.record
    return BY_NAME[record.app].sink(record.state) if record and record.state.final and record.app in BY_NAME else None


def _of(case: Case, record: Record, tellings: Sequence[Telling]) -> Iterator[Offence]:
    for text in _end_told(case, record, tellings):
        yield Offence(9, case.message_id, text)
    for text in {text for telling in tellings for text in _untrue(case, record, telling)}:
        yield Offence(10, case.message_id, text)
    for text in _out_of_order(record, tellings):
        yield Offence(10, case.message_id, text)


def _end_told(case: Case, record: Record, tellings: Sequence[Telling]) -> Iterator[str]:
    sink = owed(case)
    if sink is None:
        return
    acted_on = [one for one in tellings if one.processed and one.genuine and _sink(one) == sink]
    ends = [one for one in acted_on if _data(one).get("state") == record.state.value]
    if not ends:
        yield f"{record.state.value} was never told to {sink}; told {len(tellings)} times of the message in all"
        return
    last = max(map(_revision, ends))
    if record.outcome is None or record.outcome[0] != last:
        yield f"{sink} was last told revision {last} of {record.state.value}; the record's last outcome is {record.outcome}"
    elif last < max(map(_revision, tellings)):
        yield f"revision {last} of {record.state.value} is the last outcome, yet a higher one was told"
    decided = record.timeline.index(deciding(record))
    if not any(place >= decided for one in ends if _revision(one) == last for place in _lines(record, one)):
        yield f"revision {last} of {record.state.value}, told to {sink}, is of an earlier line than the one that decided"


def _untrue(case: Case, record: Record, telling: Telling) -> Iterator[str]:
    data, named = _data(telling), telling.event_id
    state = _state(data)
    if not telling.genuine:
        yield f"{named} came to {telling.place} without a signature that holds, or not as the app's task"
    if _sink(telling) != (BY_NAME[record.app].sink(state) if state and record.app in BY_NAME else None):
        yield f"{named} ({data.get('state')}) came to {telling.place}, which does not want it"
    if named != f"msg_{case.message_id}_{_revision(telling)}" or telling.event.get("type") != f"message.{data.get('state')}":
        yield f"{named} is not the name of revision {_revision(telling)} of {data.get('state')}"
    if not 1 < _revision(telling) <= record.revision:
        yield f"revision {_revision(telling)} was told; the record has {record.revision}"
    if not _lines(record, telling) and len(record.timeline) < _LONGEST_TIMELINE:
        yield f"{named}: {data.get('state')} {data.get('code')} of attempt {data.get('attempts')} is not in the timeline"
    wrong = sorted(name for name, value in _facts(case, record).items() if data.get(name) != value)
    if wrong:
        yield f"{named} is wrong about {', '.join(wrong)}"
    if case.sent is not None and case.sent.planned.number.removeprefix("+86") in telling.body:
        yield f"{named} names the phone number"


def _facts(case: Case, record: Record) -> Mapping[str, Any]:
    """What a telling says of the message as such."""
    facts = {"app": record.app, "reference": record.reference, "lane": record.lane.value, "template": record.template}
    return facts | ({"tags": tags_of(case.sent.planned.number)} if case.sent is not None else {})


def _out_of_order(record: Record, tellings: Sequence[Telling]) -> Iterator[str]:
    contents: dict[int, str] = {}
    for telling in tellings:
        said = json.dumps(telling.event, sort_keys=True)
        if contents.setdefault(_revision(telling), said) != said:
            yield f"revision {_revision(telling)} was told in two ways"
    lines = {_revision(telling): _lines(record, telling) for telling in tellings}
    before = -1
    for revision in sorted(lines):
        later = [line for line in lines[revision] if line > before]
        if lines[revision] and not later:
            yield f"revision {revision} tells of no later line than the one before it"
        before = min(later, default=before)


def _lines(record: Record, telling: Telling) -> list[int]:
    """The places in the timeline of what a telling says."""
    data = _data(telling)
    try:
        at = round(datetime.fromisoformat(str(telling.event.get("timestamp"))).timestamp() * 1000)
    except ValueError:
        return []
    said = (at, data.get("state"), data.get("attempts"), data.get("code") or "")
    return [place for place, line in enumerate(record.timeline) if _told(line) == said]


def _told(line: Entry) -> tuple[int, str, int, str]:
    return line.at, line.state.value, line.attempt, line.code


def _sink(telling: Telling) -> str:
    name = telling.place.removeprefix("/") if telling.way == "webhook" else telling.place.removesuffix(".sms")
    return f"{name}.{telling.way}"


def _state(data: Mapping[str, Any]) -> State | None:
    try:
        return State(str(data.get("state")))
    except ValueError:
        return None


def _revision(telling: Telling) -> int:
    found = _data(telling).get("revision")
    return found if isinstance(found, int) else -1


def _data(telling: Telling) -> Mapping[str, Any]:
    found = telling.event.get("data")
    return found if isinstance(found, dict) else {}

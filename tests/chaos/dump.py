"""Writes everything known about each offending message of a failed run, one file per message.

Takes the cases, the offences, the log of faults and what the sinks were told. Writes the files to a folder, beside the logs of
all processes, and returns a short text for the terminal.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence
from tests.chaos.sinks.judge import message_of
from tests.chaos.sinks.telling import Telling

_SHOWN = 15  # offending messages on the terminal


def dump(
    folder: Path,
    cases: Sequence[Case],
    offences: Sequence[Offence],
    diary: Sequence[tuple[int, str]],
    tellings: Sequence[Telling],
) -> str:
    """Write a file for each offending message; returns the first ones as text."""
    by_id = {case.message_id: case for case in cases}
    heard: dict[str, list[Telling]] = defaultdict(list)
    for telling in tellings:
        heard[message_of(telling)].append(telling)
    found: dict[str, list[Offence]] = defaultdict(list)
    for offence in offences:
        found[offence.message_id].append(offence)
    folder.mkdir(parents=True, exist_ok=True)
    texts = []
    for message_id, broken in found.items():
        said = [f"condition {one.condition}: {one.text}" for one in broken]
        text = "\n".join([*said, *(_told(by_id[message_id], diary, heard[message_id]) if message_id in by_id else ())])
        (folder / f"{message_id or 'run'}.txt").write_text(text + "\n", encoding="utf-8")
        texts.append(text)
    more = f"\n\n… and {len(texts) - _SHOWN} more messages" if len(texts) > _SHOWN else ""
    return "\n\n".join(texts[:_SHOWN]) + more


def _told(case: Case, diary: Sequence[tuple[int, str]], heard: Sequence[Telling]) -> Iterator[str]:
    yield f"message {case.message_id}"
    if case.sent is not None:
        planned, accepted = case.sent.planned, case.sent.accepted
        yield f"  {planned.lane.value}, {planned.behaviour.name}, accepted: {accepted}; {case.sent.cancel.value}; {planned}"
    lines = [*_lines(case, diary), *((one.at, f"{one.way:10} told {one.event_id} at {one.place}: {one.answer}") for one in heard)]
    for at, line in sorted(lines):
        yield f"  {datetime.fromtimestamp(at / 1000, UTC):%H:%M:%S.%f} {line}"


def _lines(case: Case, diary: Sequence[tuple[int, str]]) -> Iterator[tuple[float, str]]:
    for line in case.record.timeline if case.record else ():
        yield line.at, f"store      {line.encode(case.record.created_at if case.record else 0).partition('|')[2]}"
    for submit in case.submits:
        seen = submit.seen
        yield seen.at * 1000, f"simulator  submit {submit.attempt}: {seen.answer}, {seen.outcome} {seen.external_id}"
    for attempt, one in case.callbacks:
        yield one.at * 1000, f"simulator  report on {attempt}: {one.code}, try {one.attempt}, answered {one.http}"
    times = [line.at for line in case.record.timeline] if case.record else [submit.seen.at * 1000 for submit in case.submits]
    for at, what in diary:
        if times and min(times) - 8000 <= at <= max(times) + 1000:
            yield at, f"           fault: {what}"

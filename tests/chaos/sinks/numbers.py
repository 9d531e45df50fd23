"""The numbers about outcomes in the table of a run. Pure."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence
from tests.chaos.sinks.judge import owed
from tests.chaos.sinks.telling import CELERY, WEBHOOK, Telling


def outcome_rows(cases: Sequence[Case], tellings: Sequence[Telling], offences: Sequence[Offence]) -> Iterator[str]:
    """Rows of the table."""
    untold, untrue = (sum(offence.condition == condition for offence in offences) for condition in (9, 10))
    ends = sum(owed(case) is not None for case in cases)
    yield f"| final states that a sink has to hear of, **not told or not with the last revision** | {ends}, **{untold}** |"
    yield f"| **told, and not so** | **{untrue}** |"
    yield f"| outcomes told, each at least once | {_told(tellings, WEBHOOK)} by webhook, {_told(tellings, CELERY)} by Celery |"
    yield f"| told again, after the app had acted on it | {_again(tellings)} |"
    for way, name in ((WEBHOOK, "webhook receiver"), (CELERY, "Celery sink")):
        yield f"| what the {name} did | {_listed(Counter(one.answer for one in tellings if one.way == way))} |"
    if waits := sorted(_waits(tellings)):
        p99 = waits[int(0.99 * (len(waits) - 1))]
        yield (
            f"| outcome, until an app had acted on it | median {statistics.median(waits):.1f} s, "
            f"99 % within {p99:.0f} s, max {waits[-1]:.0f} s |"
        )


def _told(tellings: Sequence[Telling], way: str) -> int:
    return len({one.event_id for one in tellings if one.way == way and one.processed})


def _again(tellings: Sequence[Telling]) -> int:
    return sum(times - 1 for times in Counter(one.event_id for one in tellings if one.processed).values())


def _waits(tellings: Sequence[Telling]) -> Iterator[float]:
    """Seconds from each outcome until an app first acted on it."""
    first: dict[str, Telling] = {}
    for telling in tellings:
        if telling.processed and telling.at < first.setdefault(telling.event_id, telling).at:
            first[telling.event_id] = telling
    for telling in first.values():
        try:
            happened = datetime.fromisoformat(str(telling.event.get("timestamp"))).timestamp()
        except ValueError:
            continue
        yield telling.at / 1000 - happened


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items(), key=lambda one: -one[1])) or "none"

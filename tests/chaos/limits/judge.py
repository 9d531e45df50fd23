"""Judges caps and the send window by what the simulator saw. Pure.

Takes cases; returns an ``Offence`` for each violation:
11. at no number more submits in any window than its cap allows, and a code that was refused at the door was never recorded;
12. no marketing is submitted while its send window is closed, unless its app asked for any hour.
A submit that certainly was not sent (refused, throttled, halted, unreachable) does not count against a cap.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from smsrelay.contract.lanes import Lane
from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence
from tests.chaos.limits.caps import CAPS, ChaosCap, ClosedPhase
from tests.chaos.load.load import TOO_MANY

ON_THE_WIRE = 500  # ms from the last look at the clock to the arrival, on a saturated machine
_NOT_SENT = {"refused", "throttled", "halted", "unreachable"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submit that counts against caps. ``at``: ms since the epoch."""

    at: int
    message_id: str


def over_caps(cases: Sequence[Case], caps: Sequence[ChaosCap] = CAPS) -> Iterator[Offence]:
    """An offence for each submit that was one too many, and for each code that was refused and recorded."""
    for cap in caps:
        for arrivals in arrivals_by_number(cases, cap):
            for first, last in zip(arrivals, arrivals[cap.count :], strict=False):
                apart = last.at - first.at
                if apart < 1000 * cap.seconds - ON_THE_WIRE:
                    text = f"the cap {cap.name} was broken: {cap.count + 1} submits to its number within {apart} ms"
                    yield Offence(11, last.message_id, text)
    for case in cases:
        if case.sent is not None and case.sent.refused == TOO_MANY and case.record is not None:
            yield Offence(11, case.message_id, "was refused as one code too many, and recorded")


def arrivals_by_number(cases: Iterable[Case], cap: ChaosCap) -> list[list[Arrival]]:
    """What counts against a cap, of each number (and app) in the order of arrival."""
    found: dict[tuple[str, str], list[Arrival]] = defaultdict(list)
    for case in cases:
        if case.record is None or case.record.lane is not cap.lane:
            continue
        app = case.record.app if cap.by_app else ""
        for submit in case.submits:
            if submit.seen.outcome not in _NOT_SENT:
                found[submit.seen.recipient, app].append(Arrival(int(1000 * submit.seen.at), case.message_id))
    return [sorted(arrivals, key=lambda one: one.at) for arrivals in found.values()]


def at_closed_hours(cases: Iterable[Case], closed: ClosedPhase | None) -> Iterator[Offence]:
    """An offence for each submit of marketing in the closed phase."""
    if closed is None:
        return
    for case in cases:
        if case.record is None or case.record.lane is not Lane.MARKETING or case.record.ignores_window:
            continue
        for submit in case.submits:
            at = int(1000 * submit.seen.at)
            if closed.since <= at < closed.until:
                into = (at - closed.since) / 1000
                yield Offence(12, case.message_id, f"attempt {submit.attempt} was submitted {into:.1f} s after its window closed")

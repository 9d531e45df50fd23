"""Gaps: how long nobody was told "accepted", and how long nothing reached the vendor, by kind of fault. Pure.

Takes the instants of answers and submits, the faults that were done, and the stretches of the load, all in epoch ms. A gap counts
for a fault when it overlaps the time from the fault until all servers were back in their places, or, for any other fault, until a
few seconds after it; such a fault counts only where no server was out of its place meanwhile.
"""

import statistics
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.sentinel.hand import Done

_AFTER = 5_000  # ms


@dataclass(frozen=True, slots=True)
class Gaps:
    """Seconds, one of each for every fault of a kind."""

    accept: Sequence[float]
    submit: Sequence[float]


def gaps(
    done: Sequence[Done], accepted: Iterable[int], submitted: Iterable[int], loads: Sequence[tuple[int, int]]
) -> Mapping[str, Gaps]:
    """By kind of fault."""
    answers, arrivals = sorted(accepted), sorted(submitted)
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for fault in done:
        since, until = fault.since, (fault.whole or fault.until) + _AFTER
        if fault.whole is None and any(one.whole and one.since < until and since < one.whole for one in done):
            continue
        for began, ended in loads:
            if began <= since < ended:
                last = min(until, ended)
                found[fault.name].append((_longest(answers, since, last), _longest(arrivals, since, last)))
    return {name: Gaps([one for one, _ in pairs], [one for _, one in pairs]) for name, pairs in sorted(found.items())}


def gap_rows(found: Mapping[str, Gaps]) -> Iterator[str]:
    """A Markdown table."""
    if found:
        yield "| fault | times | no accept for, s: median, max | no submit for, s: median, max |"
        yield "|---|---:|---:|---:|"
    for name, one in found.items():
        yield f"| {name} | {len(one.accept)} | {_spread(one.accept)} | {_spread(one.submit)} |"


def _spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.1f}, {max(seconds):.1f}"


def _longest(instants: Sequence[int], since: int, until: int) -> float:
    """The longest time without an instant that overlaps a stretch, counted from its start; seconds."""
    first, last = bisect_left(instants, since), bisect_right(instants, until)
    following = instants[last] if last < len(instants) else until
    points = [since, *instants[first:last], following]
    return max(after - before for before, after in pairwise(points)) / 1000

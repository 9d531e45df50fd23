"""Tally: what a transition adds to the counts of the store, if it is applied. Pure.

The script that applies a transition counts in the same step, so that nothing is counted twice or lost, whatever is killed. A
series is a family and its labels, ``submits|yisha|otp|answered|0000``. The series of one transition are one field of the hash,
joined by spaces, and so cost one command; whoever reads the hash adds them up (``smsrelay_worker.store.tallies``). Labels are
bounded, and neither they nor the sums tell anything of a person. Test messages are not counted.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

ACCEPTED, REFUSED, SUBMITS, FINAL, RETRIES = "accepted", "refused", "submits", "final", "retries"
CALLBACKS, WEBHOOKS, CAPPED, BEGUN, LEFT = "callbacks", "webhooks", "capped", "begun", "left"
BEGIN_WAIT, SUBMIT, DELIVERY = "begin_wait", "submit", "delivery"
NO_CODE, OTHER = "none", "other"
BEYOND = "inf"
SUM = "_ms"  # ends the name of a histogram's sum

# Upper bounds of each histogram's buckets, in ms.
BOUNDS: Mapping[str, tuple[int, ...]] = {
    BEGIN_WAIT: (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 7_200_000),
    SUBMIT: (25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 30_000),
    DELIVERY: (1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 900_000, 3_600_000, 14_400_000, 86_400_000),
}


@dataclass(frozen=True, slots=True)
class Tally:
    """``series``: those that grow by one. ``sums``: fields, with by how much each grows. ``code``: the final state's label."""

    series: tuple[str, ...] = ()
    sums: tuple[tuple[str, int], ...] = ()
    code: str | None = None

    def and_(self, other: "Tally") -> "Tally":
        """Both."""
        return Tally((*self.series, *other.series), (*self.sums, *other.sums), other.code if self.code is None else self.code)

    def encode(self) -> list[str | int]:
        """Fields of the hash, each followed by how much it grows."""
        if not self.series:
            return []
        return [" ".join(self.series), 1, *(part for pair in self.sums for part in pair)]


NOTHING = Tally()


def series(family: str, *labels: str) -> str:
    """A family with its labels, as the hash names it."""
    return "|".join((family, *labels))


def observed(histogram: str, label: str, ms: int) -> Tally:
    """One observation in a histogram."""
    took = max(0, ms)
    bounds = BOUNDS[histogram]
    place = bisect_left(bounds, took)
    bucket = str(bounds[place]) if place < len(bounds) else BEYOND
    return Tally((series(histogram, label, bucket),), ((series(histogram + SUM, label), took),))

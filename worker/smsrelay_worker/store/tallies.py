"""Tallies: what the store's scripts have counted since the relay first ran, by series (``smsrelay.messages.tally``).

Reading raises ``StoreUnavailable``. The counts live as long as the store's other data: they survive every restart, and a store
that is restored from an older log counts on from there.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Self

from smsrelay.contract.lanes import Lane
from smsrelay.messages.tally import BEGUN, BEYOND, BOUNDS, LEFT, SUM
from smsrelay.store.connection import StoreRedis, store_answers

_NAMES = {"name", "names"}  # of labels that somebody outside chose; see counts.lua
Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Observations under one label. ``below``: how many took at most so many ms, for each bound; then all. ``sum`` in ms."""

    bounds: Sequence[int]
    below: Sequence[int]
    sum: int

    @property
    def count(self) -> int:
        """All observations."""
        return self.below[-1]


@dataclass(frozen=True, slots=True)
class Tallied:
    """All counts at one moment, by family and labels."""

    values: Mapping[Labels, int] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, str | int]) -> Self:
        """Read the hash, where series that grow together share a field."""
        values = Counter[Labels]()
        for name, value in fields.items():
            for one in name.split(" "):
                family, *labels = one.split("|")
                if family not in _NAMES:
                    values[family, *labels] += int(value)
        return cls(dict(values))

    def family(self, name: str) -> dict[Labels, int]:
        """The counts of one family, by their labels."""
        return {labels: value for (family, *rest), value in self.values.items() if family == name for labels in [tuple(rest)]}

    def histograms(self, name: str) -> dict[str, Histogram]:
        """The histograms of one family, by label."""
        bounds, found = BOUNDS[name], dict[str, list[int]]()
        for (label, bucket), count in self.family(name).items():
            buckets = found.setdefault(label, [0] * (len(bounds) + 1))
            buckets[len(bounds) if bucket == BEYOND else bisect_left(bounds, int(bucket))] += count
        sums = {label: value for (label,), value in self.family(name + SUM).items()}
        return {label: Histogram(bounds, list(accumulate(some)), sums.get(label, 0)) for label, some in found.items()}

    def in_flight(self) -> dict[Lane, int]:
        """Attempts that have begun and are not answered, reported or given up, by lane."""
        begun, left = self.family(BEGUN), self.family(LEFT)
        return {lane: max(0, begun.get((lane.value,), 0) - left.get((lane.value,), 0)) for lane in Lane}

    def never_below(self, earlier: "Tallied") -> "Tallied":
        """The same, where no count is lower than it was before.

        A store that crashed may have lost its last second, and a reader of counters takes any decrease for a restart from zero: a
        whole year's messages would seem to have been sent in one minute. A store that has lost more than half was replaced.
        """
        if 2 * sum(self.values.values()) < sum(earlier.values.values()):
            return self
        known = dict.fromkeys((*earlier.values, *self.values))
        return Tallied({one: max(self.values.get(one, 0), earlier.values.get(one, 0)) for one in known})


class Tallies:
    """Reads the counts; safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def read(self) -> Tallied:
        """All of them."""
        with store_answers():
            found: Any = self._redis.hgetall(self._keys.counts)
        return Tallied.of({str(name): value for name, value in found.items()})

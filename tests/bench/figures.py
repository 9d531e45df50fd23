"""Figures: statistics computed from the measurements. Pure.

Takes samples, and instants in nanoseconds; returns medians, spreads, rates, and the busiest second. Raises ``ValueError`` for an
empty series.
"""

import math
import statistics
from collections.abc import Sequence

SECOND = 1_000_000_000  # ns


def median(samples: Sequence[float]) -> float:
    """The middle sample; for an even count, the mean of the middle two."""
    if not samples:
        raise ValueError("no samples")
    return statistics.median(samples)


def spread(samples: Sequence[float]) -> tuple[float, float]:
    """The minimum and the maximum."""
    return min(samples), max(samples)


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that ``share`` of all (0 to 1) do not exceed: nearest rank, no interpolation."""
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def busiest_second(instants: Sequence[int]) -> int:
    """The most instants (ns) in any one-second window, wherever it begins; its end is exclusive."""
    ordered, first, most = sorted(instants), 0, 0
    for place, instant in enumerate(ordered):
        while instant - ordered[first] >= SECOND:
            first += 1
        most = max(most, place - first + 1)
    return most


def steady_rate(instants: Sequence[int], share: float = 0.8) -> float:
    """The rate per second over the middle ``share`` of the instants (ns), so without start and end."""
    ordered = sorted(instants)
    cut = round(len(ordered) * (1 - share) / 2)
    middle = ordered[cut : len(ordered) - cut]
    if len(middle) < 2 or middle[0] == middle[-1]:
        raise ValueError(f"{len(instants)} arrivals make no rate")
    return (len(middle) - 1) * SECOND / (middle[-1] - middle[0])


def within(instants: Sequence[int], start: int, end: int) -> int:
    """How many instants lie in a span (ns), its end exclusive."""
    return sum(start <= instant < end for instant in instants)


def ratios(ours: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Ratio of each run to the baseline's run beside it, so that a slow minute of the machine slows both."""
    return [one / other for one, other in zip(ours, baseline, strict=True)]

"""Sliding windows over instants, to hold what arrived at the vendor against a cap. Pure."""

from collections.abc import Iterable


def most_within(instants: Iterable[float], window: float) -> int:
    """The most instants in any window of that length, wherever it begins; its end is exclusive."""
    ordered, first, most = sorted(instants), 0, 0
    for place, instant in enumerate(ordered):
        while instant - ordered[first] >= window:
            first += 1
        most = max(most, place - first + 1)
    return most

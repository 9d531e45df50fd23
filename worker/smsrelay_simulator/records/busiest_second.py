"""The most arrivals in any sliding second, which is what a rate limit is judged by."""

from collections.abc import Sequence


def busiest_second(times: Sequence[float]) -> int:
    """The most of ``times`` (sorted epoch seconds) in a half-open second: one exactly a second later is outside."""
    most = start = 0
    for end, time in enumerate(times):
        while time - times[start] >= 1.0:
            start += 1
        most = max(most, end - start + 1)
    return most

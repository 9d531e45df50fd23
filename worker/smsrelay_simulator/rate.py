"""The most arrivals in any sliding second: what a rate limit is judged by.

Enters: sorted epoch seconds. Leaves: a count. An arrival exactly a second after another is no longer in its
window.
"""

from collections.abc import Sequence


def busiest_second(times: Sequence[float]) -> int:
    """Most of ``times`` in one half-open second."""
    most = start = 0
    for end, time in enumerate(times):
        while time - times[start] >= 1.0:
            start += 1
        most = max(most, end - start + 1)
    return most

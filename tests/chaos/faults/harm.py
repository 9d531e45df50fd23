"""Harm: when a worker process, or every route to the store, was disrupted; shows which delays no fault explains.

Pure. Instants are ms since the epoch.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

FOR_EVER = 1 << 62
_RECOVERY = 8_000  # ms after a fault until every process has noticed its end: socket timeouts, and a second between retries


@dataclass(frozen=True, slots=True)
class Harm:
    """A period in which a process could not work. ``pid`` None: no process could."""

    since: int
    until: int
    pid: int | None = None


def longest_unharmed(harms: Iterable[Harm], pids: Collection[int], since: int, until: int) -> int:
    """The longest stretch between two instants in which neither the store nor any of the processes was harmed; ms."""
    longest, free = 0, since
    for harm in sorted(harms, key=lambda one: one.since):
        if harm.pid is not None and harm.pid not in pids:
            continue
        longest = max(longest, min(harm.since, until) - free)
        free = max(free, harm.until + _RECOVERY)
    return max(longest, until - free)

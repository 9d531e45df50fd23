"""Harm: when a worker process, or every route to the store, was disrupted; shows which delays no fault explains.

Pure. Instants are ms since the epoch.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

FOR_EVER = 1 << 62
_STOPPING = 10_000  # ms a process that is told to stop may still begin something
_RECOVERY = 8_000  # ms after a fault until every process has noticed its end: socket timeouts, and a second between retries


@dataclass(frozen=True, slots=True)
class Harm:
    """A period in which a process could not work. ``pid`` None: no process could."""

    since: int
    until: int
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A process was told to stop, or lost its parent, which tells it the same."""

    at: int
    pid: int


def given_up(stops: Iterable[Stop], harms: Sequence[Harm]) -> list[Harm]:
    """The harm to processes that had to stop while the store was away: they give up begins that it has not confirmed, unsent.

    So docs/guarantees.md has it: nobody waits for such a process, and the leases decide.
    """
    away = [harm for harm in harms if harm.pid is None]
    return [
        Harm(stop.at, FOR_EVER, stop.pid)
        for stop in stops
        if any(harm.since <= stop.at + _STOPPING and stop.at <= harm.until + _RECOVERY for harm in away)
    ]


def longest_unharmed(harms: Iterable[Harm], pids: Collection[int], since: int, until: int) -> int:
    """The longest stretch between two instants in which neither the store nor any of the processes was harmed; ms."""
    longest, free = 0, since
    for harm in sorted(harms, key=lambda one: one.since):
        if harm.pid is not None and harm.pid not in pids:
            continue
        longest = max(longest, min(harm.since, until) - free)
        free = max(free, harm.until + _RECOVERY)
    return max(longest, until - free)

"""Waiters: who waits for slots in this process, in order, and when it is worth asking for them. Pure; the caller locks.

Enters: waiters. Leaves: for one question to the store all that is wanted now, the most urgent lane first, and in a lane who came
first. A lane, or a template of it, that was told to wait is not asked for before.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.rate_limit.slot import Grant

AT_MOST = 256  # slots in one question
_AT_ONCE = float("-inf")
_AGAIN = 0.5  # seconds after which everybody is asked for, whatever was said: the rate may have been raised, or all halted


class Event(Protocol):
    """threading.Event, or what stands for it."""

    def set(self) -> None:
        """Wake who waits, now or later."""

    def clear(self) -> None:
        """Take that back."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; False when the time was over before."""


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller that waits until ``until`` (monotonic seconds) for slots of these costs."""

    lane: Lane
    template: str
    costs: Sequence[int]
    until: float
    called: Event = field(default_factory=threading.Event)  # look at the rest again
    grant: Grant | None = None
    failure: StoreUnavailable | None = None

    @property
    def served(self) -> bool:
        """Whether its waiting is over."""
        return self.grant is not None or self.failure is not None


@dataclass(frozen=True, slots=True)
class Ask:
    """What the waiters of one lane and template want."""

    lane: Lane
    template: str
    waiters: tuple[Waiter, ...]
    costs: tuple[int, ...]


class Waiters:
    """Waiters by lane and template."""

    def __init__(self) -> None:
        self._waiters: dict[tuple[Lane, str], list[Waiter]] = {}
        self._not_before: dict[tuple[Lane, str | None], float] = {}

    def join(self, waiter: Waiter) -> None:
        """Stand at the end."""
        self._waiters.setdefault((waiter.lane, waiter.template), []).append(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Wait no longer; does nothing when it does not wait."""
        place = (waiter.lane, waiter.template)
        left = [other for other in self._waiters.get(place, ()) if other is not waiter]
        if left:
            self._waiters[place] = left
        else:
            self._waiters.pop(place, None)
            self._not_before.pop(place, None)

    def everybody(self) -> Iterator[Waiter]:
        """All that wait."""
        return (waiter for group in list(self._waiters.values()) for waiter in list(group))

    def wait(self, lane: Lane, template: str | None, until: float, now: float) -> None:
        """Do not ask for this lane, or only for this template of it, before ``until``."""
        self._not_before[lane, template] = min(until, now + _AGAIN)

    def asks(self, now: float) -> list[Ask]:
        """What to ask for now; nothing when it is too early for all."""
        ready = [(lane, template) for lane, template in self._waiters if self._due(lane, template) <= now]
        order = list(Lane)
        found, room = [], AT_MOST
        for lane, template in sorted(ready, key=lambda place: order.index(place[0])):
            waiters = tuple(self._waiters[lane, template])
            costs = tuple(cost for waiter in waiters for cost in waiter.costs)[:room]
            if costs:
                found.append(Ask(lane, template, waiters, costs))
            room -= len(costs)
        return found

    def due(self) -> float:
        """When the next question is worth asking (monotonic seconds); raises ``ValueError`` when nobody waits."""
        return min(self._due(lane, template) for lane, template in self._waiters)

    def _due(self, lane: Lane, template: str) -> float:
        return max(self._not_before.get((lane, None), _AT_ONCE), self._not_before.get((lane, template), _AT_ONCE))

"""Waiters: the callers of one process that wait for slots, in order, and when it is worth asking for them. Pure.

One call to the store asks for everything that is wanted: the most urgent lane first, and within a lane first come, first served.
A lane, or a template of it, that is on hold is left out. The caller locks.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.rate_limit.slot import Grant

AT_MOST = 256  # slots in one call
_AT_ONCE = float("-inf")


class Event(Protocol):
    """threading.Event, or a substitute."""

    def set(self) -> None:
        """Wake the thread that waits, now or later."""

    def clear(self) -> None:
        """Undo ``set``."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; False if ``timeout`` seconds passed before."""


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller that waits until ``until`` (monotonic seconds) for slots of these costs."""

    lane: Lane
    template: str
    costs: Sequence[int]
    until: float
    called: Event = field(default_factory=threading.Event)  # set when something has changed for this waiter
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
    """Waiters by lane and template. ``ask_again``: longest hold in seconds."""

    def __init__(self, ask_again: float) -> None:
        self._ask_again = ask_again
        self._waiters: dict[tuple[Lane, str], list[Waiter]] = {}
        self._not_before: dict[tuple[Lane, str | None], float] = {}

    def join(self, waiter: Waiter) -> None:
        """Add a waiter behind the others of its lane and template."""
        self._waiters.setdefault((waiter.lane, waiter.template), []).append(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Remove a waiter; does nothing if it is not there."""
        place = (waiter.lane, waiter.template)
        left = [other for other in self._waiters.get(place, ()) if other is not waiter]
        if left:
            self._waiters[place] = left
        else:
            self._waiters.pop(place, None)
            self._not_before.pop(place, None)

    def all(self) -> Iterator[Waiter]:
        """Every waiter; it may be removed while iterating."""
        return (waiter for group in list(self._waiters.values()) for waiter in list(group))

    def hold(self, lane: Lane, template: str | None, until: float, now: float) -> None:
        """Do not ask for this lane, or only for this template of it, before ``until``."""
        self._not_before[lane, template] = min(until, now + self._ask_again)

    def asks(self, now: float) -> list[Ask]:
        """What to ask for now; empty while every lane and template is on hold."""
        ready = [(lane, template) for lane, template in self._waiters if self._due(lane, template) <= now]
        order = list(Lane)
        found, left = [], AT_MOST
        for lane, template in sorted(ready, key=lambda place: order.index(place[0])):
            waiters = tuple(self._waiters[lane, template])
            costs = tuple(cost for waiter in waiters for cost in waiter.costs)[:left]
            if costs:
                found.append(Ask(lane, template, waiters, costs))
            left -= len(costs)
        return found

    def due(self) -> float:
        """When the next call is worth making (monotonic seconds); raises ``ValueError`` without a waiter."""
        return min(self._due(lane, template) for lane, template in self._waiters)

    def _due(self, lane: Lane, template: str) -> float:
        return max(self._not_before.get((lane, None), _AT_ONCE), self._not_before.get((lane, template), _AT_ONCE))

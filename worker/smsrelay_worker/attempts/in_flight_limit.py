"""InFlightLimit: how many submits may be under way in this process at a time.

Enters: how many somebody wants to start. Leaves: how many he may. Places come free one by one; who wants many is made to wait a
moment for several, because what is begun together shares its round trips. Nothing here fails.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

_SHARE = 4  # who wants many waits for this part of all places …
_LINGER = 0.02  # … or for so many seconds


class Condition(AbstractContextManager[object], Protocol):
    """threading.Condition, or what stands for it."""

    def notify(self) -> None:
        """Wake the one who waits."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until it holds; False when the time was over before."""


class Lock(Protocol):
    """threading.Lock, or what stands for it."""

    def acquire(self, *, timeout: float) -> bool:
        """Take it; False when the time was over before."""

    def release(self) -> None:
        """Let others have it."""


class InFlightLimit:
    """Places for submits; safe to share between threads."""

    def __init__(self, places: int, changed: Condition | None = None, line: Lock | None = None) -> None:
        self._places = places
        self._free = places
        self._awaited = 1  # free places at which the one who waits goes on
        self._changed: Condition = changed or threading.Condition()
        self._line: Lock = line or threading.Lock()  # one waits at a time, so that places are not handed out singly to many

    def take(self, wanted: int, patience: float) -> int:
        """Take up to so many places; 0 when none came free in about ``patience`` seconds."""
        if not self._line.acquire(timeout=patience):
            return 0
        try:
            with self._changed:
                if self._wait(1, patience):
                    self._wait(min(wanted, max(1, self._places // _SHARE)), _LINGER)
                taken = min(wanted, self._free)
                self._free -= taken
                return taken
        finally:
            self._line.release()

    def leave(self, places: int) -> None:
        """Give places back."""
        with self._changed:
            self._free += places
            if self._free >= self._awaited:  # not for each place: to wake somebody costs more than to free it
                self._changed.notify()

    def _wait(self, awaited: int, patience: float) -> bool:
        self._awaited = awaited
        return self._changed.wait_for(lambda: self._free >= awaited, patience)

"""InFlightLimit: how many submits this process may have in flight at once.

Places become free one by one. A caller that wants many waits a moment for several, because attempts that begin together share
their round trips to the store.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

_SHARE = 4  # a caller that wants many waits for a quarter of all places …
_LINGER = 0.02  # … or this many seconds


class Condition(AbstractContextManager[object], Protocol):
    """threading.Condition, or a substitute."""

    def notify(self) -> None:
        """Wake one thread that waits."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until the predicate holds; False if ``timeout`` seconds passed before."""


class Lock(Protocol):
    """threading.Lock, or a substitute."""

    def acquire(self, *, timeout: float) -> bool:
        """Take it; False if ``timeout`` seconds passed before."""

    def release(self) -> None:
        """Let another thread take it."""


class InFlightLimit:
    """Places for submits; safe to share between threads."""

    def __init__(self, places: int, changed: Condition | None = None, turn: Lock | None = None) -> None:
        self._places = places
        self._free = places
        self._awaited = 1  # free places at which the waiting thread goes on
        self._changed: Condition = changed or threading.Condition()
        self._turn: Lock = turn or threading.Lock()  # one thread waits at a time, so that places are not spread over many

    def acquire(self, wanted: int, patience: float) -> int:
        """Take up to ``wanted`` places; 0 if none became free in about ``patience`` seconds."""
        if not self._turn.acquire(timeout=patience):
            return 0
        try:
            with self._changed:
                if self._wait(1, patience):
                    self._wait(min(wanted, max(1, self._places // _SHARE)), _LINGER)
                taken = min(wanted, self._free)
                self._free -= taken
                return taken
        finally:
            self._turn.release()

    def release(self, places: int) -> None:
        """Give places back."""
        with self._changed:
            self._free += places
            if self._free >= self._awaited:  # not for each place: waking a thread costs more than freeing a place
                self._changed.notify()

    def _wait(self, awaited: int, patience: float) -> bool:
        self._awaited = awaited
        return self._changed.wait_for(lambda: self._free >= awaited, patience)

"""UnsentAcks: what a worker process still has to tell its Redis broker, kept until the broker has accepted it.

That is acknowledgements, tasks to requeue, and items popped off a queue that could not be recorded as unacknowledged. All of it
outlives the connection, because on Redis a delivery tag means the same on every connection. While the broker fails or refuses, it
is retried once a second and nothing more is popped. An outage is logged once.

Other threads only append; the consuming thread sends. Without an event loop, each thread sends at once.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from smsrelay.servers.redis_errors import why_unavailable

_RETRY = 1.0  # seconds before a broker that failed is tried again

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Popped:
    """An item that is no longer on its queue and not yet recorded as unacknowledged."""

    message: dict[str, Any] = field(repr=False)
    queue: str


@dataclass(slots=True, eq=False)
class UnsentAcks:
    """Of one process. ``event_loop``: an event loop flushes them at each turn."""

    monotonic: Callable[[], float] = time.monotonic
    event_loop: bool = False
    acks: deque[str] = field(default_factory=deque)  # delivery tags
    requeues: deque[str] = field(default_factory=deque)  # delivery tags
    popped: deque[Popped] = field(default_factory=deque)
    _retry_at: float = 0.0
    _failing: bool = False

    @property
    def backing_off(self) -> bool:
        """Whether the broker has failed within the last second."""
        return self.monotonic() < self._retry_at

    def failed(self, error: Exception) -> None:
        """The broker refused something, or did not answer."""
        self._retry_at = self.monotonic() + _RETRY
        if not self._failing:
            log.warning(
                "broker failing, retried every second",
                reason=why_unavailable(error) or type(error).__name__,
                acknowledgements=len(self.acks),
                requeues=len(self.requeues),
                popped=len(self.popped),
            )
        self._failing = True

    def answered(self) -> None:
        """The broker answered. The outage is over once nothing is left to tell it."""
        self._failing = self._failing and bool(self.acks or self.requeues or self.popped)


def drain(tags: deque[str]) -> list[str]:
    """Remove and return all tags. Another thread may remove some at the same time, where threads are not greenlets."""
    drained: list[str] = []
    with contextlib.suppress(IndexError):
        while True:
            drained.append(tags.popleft())
    return drained

"""UnsentAcks: what a worker process owes its broker on Redis, and keeps in hand until the broker has taken it.

Acknowledgements, tasks to be given back, and an item that was popped off a queue and could not be noted as unacknowledged. All
of it outlives the connection: on Redis a tag means the same on any of them. While the broker fails or refuses, it is asked again
once a second, and nothing more is popped. One line of the log tells an outage.
Used by the one thread that consumes; other threads only append.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from smsrelay.servers.redis_errors import why_unavailable

_BREATH = 1.0  # seconds before a broker that failed is asked again

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Popped:
    """An item that is on no queue any more."""

    message: dict[str, Any] = field(repr=False)
    queue: str


@dataclass(slots=True, eq=False)
class UnsentAcks:
    """Of one process. ``turns``: an event loop settles it."""

    monotonic: Callable[[], float] = time.monotonic
    turns: bool = False
    acks: deque[str] = field(default_factory=deque)  # tags
    returns: deque[str] = field(default_factory=deque)  # tags of tasks that go back to their queue
    popped: deque[Popped] = field(default_factory=deque)
    _rests_until: float = 0.0
    _failing: bool = False

    @property
    def resting(self) -> bool:
        """Whether the broker has just failed, and is left alone for a moment."""
        return self.monotonic() < self._rests_until

    def failed(self, error: Exception) -> None:
        """The broker did not take something, or did not answer."""
        self._rests_until = self.monotonic() + _BREATH
        if not self._failing:
            log.warning(
                "the broker failed, tried again each second",
                reason=why_unavailable(error) or type(error).__name__,
                acknowledgements=len(self.acks),
                returns=len(self.returns),
                popped=len(self.popped),
            )
        self._failing = True

    def answered(self) -> None:
        """The broker took something, or gave something; while it is owed more, the outage may last."""
        self._failing = self._failing and bool(self.acks or self.returns or self.popped)


def drained(owed: deque[str]) -> list[str]:
    """Everything that is owed; another thread may take some of it meanwhile, where threads are the system's."""
    tags: list[str] = []
    with contextlib.suppress(IndexError):
        while True:
            tags.append(owed.popleft())
    return tags

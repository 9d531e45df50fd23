"""A limit on how long one call waits for its servers in all: to connect, log in, send, be answered, and try again.

``time_limit`` sets it for the current thread, greenlet or asyncio task; ``time_left`` is what every wait below it asks for.
Nothing is interrupted: a wait that is over raises the exception of its own library.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LEAST = 0.001  # seconds; a socket takes 0 for "do not block at all", which fails in other ways than a timeout does
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)  # of time.monotonic()


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Everything inside waits ``seconds`` in all. ``None`` sets no limit; inside another limit, the outer one stays in force."""
    if seconds is None or _deadline.get() is not None:
        yield
        return
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def time_left(usual: float | None) -> float | None:
    """Seconds that a wait may take: ``usual``, or what the limit in force leaves; never 0."""
    deadline = _deadline.get()
    if deadline is None:
        return usual
    left = max(_LEAST, deadline - time.monotonic())
    return left if usual is None else min(usual, left)

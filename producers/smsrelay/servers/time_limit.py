"""A limit on how long one call waits for its servers in all: to connect, log in, send, be answered, and try again.

``time_limit`` sets it for the current thread, greenlet or asyncio task; ``time_left`` is what every wait below it asks for.
Nothing is interrupted: a wait that is over raises the exception of its own library.
"""

import time
from contextvars import ContextVar, Token

_LEAST = 0.001  # seconds; a socket takes 0 for "do not block at all", which fails in other ways than a timeout does
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)  # of time.monotonic()


class time_limit:  # noqa: N801 - reads as the statement it makes; contextlib's own way costs twice as much, and every call pays it
    """Everything inside waits ``seconds`` in all. ``None`` sets no limit; inside another limit, the outer one stays in force."""

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._token: Token[float | None] | None = None

    def __enter__(self) -> None:
        if self._seconds is not None and _deadline.get() is None:
            self._token = _deadline.set(time.monotonic() + self._seconds)

    def __exit__(self, *_error: object) -> None:
        if self._token is not None:
            _deadline.reset(self._token)


def time_left(usual: float | None) -> float | None:
    """Seconds that a wait may take: what the limit in force leaves, never 0; ``usual`` when there is none."""
    deadline = _deadline.get()
    return usual if deadline is None else max(_LEAST, deadline - time.monotonic())

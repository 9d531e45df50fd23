"""Waiting for a condition with a deadline, the only kind of waiting in these tests."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 60.0  # seconds; a shared machine may stand still for many of them
_POLL = 0.05


def eventually(holds: Callable[[], Any], what: str = "what was waited for", seconds: float = PATIENCE) -> Any:
    """The first truthy value of ``holds``; fails naming ``what`` never happened."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, f"within {seconds:g} s it never happened: {what}"
        time.sleep(_POLL)
    return found

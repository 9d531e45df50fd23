"""Instants as a command's user writes them: how far back, or a point in time with a zone."""

import re
from collections.abc import Callable
from datetime import datetime

from smsrelay.cli.errors import InvalidInput

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def instant(option: str, text: str, now: Callable[[], float]) -> int:
    """Ms since the epoch; ``now`` in seconds. Raises ``InvalidInput``."""
    if duration := re.fullmatch(r"(\d{1,6})([smhd])", text, re.ASCII):
        return max(0, int((now() - int(duration[1]) * _UNITS[duration[2]]) * 1000))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInput(f"{option}: must be a duration, such as 30m, 2h or 3d, or an instant with a zone")
    return int(found.timestamp() * 1000)

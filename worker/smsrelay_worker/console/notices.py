"""Notices: what a browser is told on the next page it gets, after a form has done something and sent it there."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

_MOST = 1000  # browsers
_MOST_EACH = 5


@dataclass(frozen=True, slots=True)
class Notice:
    """``key`` of a text, and what fills its places. ``good``: it was done."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    good: bool = True


class Notices:
    """Kept in memory, each until it is shown. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, tuple[Notice, ...]] = OrderedDict()

    def add(self, session_id: str, notice: Notice) -> None:
        """Show it on the session's next page."""
        with self._lock:
            self._waiting[session_id] = (*self._waiting.pop(session_id, ()), notice)[-_MOST_EACH:]
            if len(self._waiting) > _MOST:
                self._waiting.popitem(last=False)

    def take(self, session_id: str) -> tuple[Notice, ...]:
        """Those that wait, which are then forgotten."""
        with self._lock:
            return self._waiting.pop(session_id, ())

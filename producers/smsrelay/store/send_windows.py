"""SendWindows: the send windows that workers published, for apps that warn of a deadline before the window opens.

What workers do follows their own limits file; this is for warnings alone. Raises ``StoreUnavailable``.
"""

import time
from collections.abc import Callable

from smsrelay.contract.send_window import SendWindow, decode_windows
from smsrelay.store.connection import StoreRedis, store_answers

FIELD = "windows"  # of the limits that are published
_REMEMBERED = 60.0  # seconds


class SendWindows:
    """Reads them at most once a minute."""

    def __init__(self, redis: StoreRedis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis, self._keys, self._clock = redis, redis.store_keys, clock
        self._known: tuple[SendWindow, ...] = ()
        self._read_at: float | None = None

    def read(self) -> tuple[SendWindow, ...]:
        """The windows; none as long as no worker has published any."""
        now = self._clock()
        if self._read_at is None or now - self._read_at >= _REMEMBERED:
            with store_answers():
                wire = self._redis.hget(self._keys.limits, FIELD)
            self._known, self._read_at = decode_windows(str(wire)) if wire else (), now
        return self._known

"""KnownWindows: the send windows that workers published, for warnings; read from the store at most once a minute."""

import asyncio

from smsrelay.contract.send_window import SendWindow, decode_windows
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.connection import StoreUnavailable
from smsrelay.store.keys import Keys
from smsrelay.store.send_windows import FIELD

_KNOWN_FOR = 60.0  # seconds


class KnownWindows:
    """For one event loop. ``timeout``: seconds that a request waits for the store."""

    def __init__(self, store: AsyncStore, keys: Keys, timeout: float) -> None:
        self._store, self._keys, self._timeout = store, keys, timeout
        self._known: tuple[SendWindow, ...] = ()
        self._read_at: float | None = None

    async def read(self) -> tuple[SendWindow, ...]:
        """The windows; none as long as no worker has published any. If the store does not answer, those known before."""
        now = asyncio.get_running_loop().time()
        if self._read_at is None or now - self._read_at >= _KNOWN_FOR:
            self._read_at = now
            try:
                [wire] = await self._store.execute([("HGET", self._keys.limits, FIELD)], now + self._timeout)
            except StoreUnavailable:  # the job is accepted already; a warning is not worth a failure
                return self._known
            self._known = decode_windows(wire) if wire else ()
        return self._known

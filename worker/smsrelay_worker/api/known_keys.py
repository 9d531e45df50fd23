"""KnownKeys: which key opened a request. A key is read from the store at most once a second, so a revoked one ends within that.

For one event loop. Raises ``StoreUnavailable`` for a key that cannot be read.
"""

import asyncio
from dataclasses import dataclass

from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.keys import Keys
from smsrelay_worker.store.api.api_key import ApiKey, key_id_of
from smsrelay_worker.store.api.api_keys import read_answer, read_command

KNOWN_FOR = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class _Known:
    """A key as it was read, and when on the loop's clock."""

    key: ApiKey | None
    usable: bool
    read_at: float


class KnownKeys:
    """The keys in use. ``timeout``: seconds that a request waits for the store."""

    def __init__(self, store: AsyncStore, keys: Keys, timeout: float) -> None:
        self._store, self._keys = store, keys
        self._timeout = timeout
        self._known: dict[str, _Known] = {}  # only keys that exist: callers cannot fill it
        self._reading: dict[str, asyncio.Task[_Known]] = {}

    async def key_of(self, token: str) -> ApiKey | None:
        """The key that ``token`` is; None for one that is unknown, revoked or past its end."""
        key_id = key_id_of(token)
        if key_id is None:
            return None
        known = self._known.get(key_id)
        if known is None or asyncio.get_running_loop().time() - known.read_at >= KNOWN_FOR:
            known = await self._current(key_id)
        return known.key if known.key is not None and known.usable and known.key.matches(token) else None

    async def _current(self, key_id: str) -> _Known:
        """The key as the store has it; requests that come meanwhile share the reading."""
        reading = self._reading.get(key_id)
        if reading is None:
            reading = self._reading[key_id] = asyncio.get_running_loop().create_task(self._read(key_id))
            reading.add_done_callback(lambda done: self._read_ended(key_id, done))
        return await asyncio.shield(reading)

    async def _read(self, key_id: str) -> _Known:
        began = asyncio.get_running_loop().time()
        commands = [read_command(self._keys, key_id), ("TIME",)]
        wire, (seconds, micros) = await self._store.execute(commands, began + self._timeout)
        key = read_answer(key_id, wire)
        now = int(seconds) * 1000 + int(micros) // 1000
        known = _Known(key, key is not None and not key.ended(now), began)
        if key is not None:
            self._known[key_id] = known
        else:
            self._known.pop(key_id, None)
        return known

    def _read_ended(self, key_id: str, reading: "asyncio.Task[_Known]") -> None:
        del self._reading[key_id]
        if not reading.cancelled():
            reading.exception()  # every caller may be gone; asyncio would then log what nobody has retrieved

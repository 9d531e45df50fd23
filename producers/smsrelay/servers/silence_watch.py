"""SilenceWatch: closes a connection whose server is silent once another server is the primary.

Whoever waits for its answer then gets an error, and can ask the new primary, instead of waiting until its time is over.
"""

import asyncio
from typing import Any

_SUSPICIOUS = 1.0  # seconds of silence after which, again and again, we ask whether this is still the primary


class SilenceWatch:
    """For one exchange on one connection of ``async_connection``; begins at once, and ends when it is cancelled."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.TimerHandle | asyncio.Task[None] = self._loop.call_later(_SUSPICIOUS, self._look)

    def cancel(self) -> None:
        """The exchange is over."""
        self._next.cancel()

    def _look(self) -> None:
        self._next = self._loop.create_task(self._ask())

    async def _ask(self) -> None:
        if await self._connection.is_replaced():
            await self._connection.disconnect(nowait=True)
        self._next = self._loop.call_later(_SUSPICIOUS, self._look)

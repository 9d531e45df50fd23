"""SharedOverview: reads the relay's status in one thread, however many requests ask for it at the same time.

The reading blocks: with a thread for each request, those that ask while the store hangs would wait for each other's threads.
"""

import asyncio
from collections.abc import Callable

from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.operations.status import StatusOverview


class SharedOverview:
    """For one event loop. ``read`` may block; ``timeout``: seconds that a request waits for it."""

    def __init__(self, read: Callable[[], StatusOverview], timeout: float) -> None:
        self._read = read
        self._timeout = timeout
        self._reading: asyncio.Task[StatusOverview] | None = None

    async def read(self) -> StatusOverview:
        """The status as it is, or was when the reading under way began. Raises ``StoreUnavailable``."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(asyncio.to_thread(self._read))
            self._reading.add_done_callback(self._ended)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.shield(self._reading)  # shared, so a request that gives up must not end it
        except TimeoutError:
            raise StoreUnavailable("the store did not answer (TimeoutError)") from None

    def _ended(self, reading: "asyncio.Task[StatusOverview]") -> None:
        self._reading = None
        if not reading.cancelled():
            reading.exception()  # every caller may be gone; asyncio would then log what nobody has retrieved

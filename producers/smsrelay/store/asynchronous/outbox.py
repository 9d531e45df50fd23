"""AsyncOutbox: the outbox, from an event loop. Raises ``StoreUnavailable`` as the outbox does."""

import asyncio
from collections.abc import Sequence

from smsrelay.broker.redis_envelope import envelope
from smsrelay.broker.task_message import TaskMessage
from smsrelay.contract.message import Message
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.clock import KnownTime
from smsrelay.store.outbox import Outbox, Recorded, WakeUp

_FRESH = 0.5  # seconds; an older clock is read together with the next messages, so that hardly any call has to read it alone


class AsyncOutbox:
    """For one event loop. ``outbox`` only prepares messages and reads answers; it opens no connection."""

    def __init__(self, store: AsyncStore, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox
        self._clock = KnownTime()
        self._reading: asyncio.Task[int] | None = None

    async def now(self, until: float) -> int:
        """The store's clock (ms)."""
        now = self._clock.now()
        if now is not None:
            return now
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read_clock(until))
            self._reading.add_done_callback(self._clock_read)
        return await asyncio.shield(self._reading)  # shared by all that call now, so cancelling one must not end it

    async def record(self, messages: Sequence[Message], wake_up: WakeUp | None, until: float) -> list[Recorded]:
        """Record every message in one round trip; ``wake_up`` as in ``Outbox.draft``."""
        draft = self._outbox.draft(messages, wake_up)
        commands = self._outbox.commands(draft)
        with draft.spans:
            if self._clock.now(_FRESH) is not None:
                return draft.recorded(await self._store.execute_durably(commands, until))
            *answers, (seconds, micros) = await self._store.execute_durably([*commands, ("TIME",)], until)
            self._clock.set(seconds, micros)
            return draft.recorded(answers)

    async def _read_clock(self, until: float) -> int:
        [(seconds, micros)] = await self._store.execute([("TIME",)], until)
        return self._clock.set(seconds, micros)

    def _clock_read(self, reading: asyncio.Task[int]) -> None:
        self._reading = None
        if not reading.cancelled():
            reading.exception()  # every caller may be gone; asyncio would then log what nobody has retrieved

    async def push(self, tasks: Sequence[TaskMessage], until: float) -> None:
        """Publish tasks on a store that is the broker, too."""
        await self._store.execute([("LPUSH", task.queue, envelope(task)) for task in tasks], until)

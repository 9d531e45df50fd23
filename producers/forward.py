"""Forwarder: makes one report after another durable before it is answered, on the broker or else in the spool.

Enters: ``StatusEvent`` values, many at a time. Leaves: for each, where it is now. What arrives while a flush is under way gathers
and goes out together: one flush to the broker, or one sync of the disk, for all of them.
When the broker fails, or does not answer in time, the reports go to the spool, and so do all that follow until the drain has
seen the broker again: nobody waits for a connection that was just refused. Raises ``SpoolUnavailable`` when neither takes them.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

import structlog
from structlog.typing import FilteringBoundLogger

from producers.event import StatusEvent
from producers.publish import BrokerUnavailable
from producers.spool import Spool

_PATIENCE = 2.0  # seconds for the broker to answer; the vendor waits 5 for ours
_PUBLISHING = 4  # threads: those that hang on a silent broker must leave one free when it is back

_log: FilteringBoundLogger = structlog.get_logger()


class Kept(StrEnum):
    """Where a report is safe."""

    ENQUEUED = "enqueued"
    SPOOLED = "spooled"


class Forwarder:
    """For one event loop. ``publish`` may block; ``broker_down`` is set here and cleared by the drain.

    ``patience``: seconds the broker has to answer.
    """

    def __init__(
        self,
        publish: Callable[[Sequence[StatusEvent]], None],
        spool: Spool,
        broker_down: threading.Event,
        patience: float = _PATIENCE,
    ) -> None:
        self._publish = publish
        self._spool = spool
        self._broker_down = broker_down
        self._patience = patience
        self._turn = asyncio.Lock()
        self._gathering: tuple[list[StatusEvent], asyncio.Task[Kept]] | None = None
        self._publishing = ThreadPoolExecutor(_PUBLISHING, "publish")
        self._spooling = ThreadPoolExecutor(1, "spool")

    async def keep(self, event: StatusEvent) -> Kept:
        """Make ``event`` durable; raises ``SpoolUnavailable``, and then it may or may not be."""
        if self._gathering is None:
            gathered: list[StatusEvent] = []
            self._gathering = gathered, asyncio.create_task(self._flush(gathered))
        events, flush = self._gathering
        events.append(event)
        return await asyncio.shield(flush)  # one caller's end is not the end of the others' flush

    async def _flush(self, events: list[StatusEvent]) -> Kept:
        async with self._turn:
            self._gathering = None  # whoever comes from here on is in the next batch
            if not self._broker_down.is_set() and await self._published(events):
                return Kept.ENQUEUED
            await asyncio.get_running_loop().run_in_executor(self._spooling, self._spool.put, events)
            return Kept.SPOOLED

    async def _published(self, events: Sequence[StatusEvent]) -> bool:
        """Whether the broker has them for certain. One that answers too late has them as well: reports may come twice."""
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.get_running_loop().run_in_executor(self._publishing, self._publish, events)
        except (BrokerUnavailable, TimeoutError) as error:
            self._broker_down.set()
            _log.error("broker.down", reason=str(error) or f"no answer in {self._patience} s")
            return False
        return True

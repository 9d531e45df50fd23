"""Heartbeat: tells the store every few seconds that this receiver lives, and what waits in its spool.

It runs in a thread of its own: nothing that answers a callback waits for it, and while the store is away, or the disk fails, it
only tries again.
"""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay.receiver.spool import Spool, SpoolUnavailable
from smsrelay.store.connection import StoreUnavailable
from smsrelay.store.process_registry import BEAT, steady_clock
from smsrelay.store.receiver_registry import ReceiverProcess, ReceiverRegistry

_STOPPING = 1.0  # seconds that stopping waits for a beat that is under way

_log: FilteringBoundLogger = structlog.get_logger()


class Heartbeat:
    """A thread that beats while the context is entered. ``every`` in seconds."""

    def __init__(self, registry: ReceiverRegistry, spool: Spool, receiver: ReceiverProcess, every: float = BEAT) -> None:
        self._registry = registry
        self._spool = spool
        self._receiver = self._before = receiver
        self._every = every
        self._stopping = threading.Event()
        # A daemon: a store that is silent must not keep the process from exiting.
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def beat(self) -> None:
        """Beat once; raises ``StoreUnavailable``."""
        spooled, oldest = self._spooled()
        receiver = replace(self._receiver, spooled=spooled, oldest_spooled=oldest)
        clock = self._registry.alive(receiver, self._before)
        self._before, self._receiver = receiver, replace(receiver, clock=steady_clock(receiver.clock, clock))

    def _spooled(self) -> tuple[int | None, int | None]:
        try:
            return self._spool.backlog()
        except SpoolUnavailable:  # whoever spools, or drains, logs it
            return None, None

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._try(self.beat)
            self._stopping.wait(self._every)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except StoreUnavailable as error:
            _log.debug("heartbeat not recorded", reason=str(error))
        except Exception:  # noqa: BLE001  no other thread tells of this receiver
            _log.exception("heartbeat not recorded")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join(_STOPPING)
        leaving = threading.Thread(target=self._try, args=(lambda: self._registry.leaves(self._before),), daemon=True)
        leaving.start()
        leaving.join(_STOPPING)


def this_receiver(spool_folder: Path, port: int) -> ReceiverProcess:
    """This process, as the registry lists it before its first beat."""
    host = socket.gethostname()
    spool = hashlib.sha256(str(spool_folder.resolve()).encode()).hexdigest()[:8]
    return ReceiverProcess(f"receiver@{host}:{port}", host, os.getpid(), time.time_ns() // 1_000_000, spool)

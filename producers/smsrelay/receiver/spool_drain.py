"""SpoolDrain: moves spooled reports to the broker, oldest first, as long as the receiver runs.

The spool may have reports of an earlier process, or of another receiver on this host. A report is removed only after it was
published: a kill in between publishes it twice, but never loses it. While the broker is unavailable, it is tried once a second.
Disk errors, and any other exception, are logged and retried. ``broker_down`` is cleared once the broker has taken something.
"""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.unreadable_callback import Received
from smsrelay.receiver.spool import Spool, SpoolUnavailable

_BATCH = 100  # reports; as many may be published twice after a kill
_PAUSE = 1.0  # seconds
_DISK_PAUSE = 10.0  # seconds; longer, because reports that were published but not removed are published again each time

_log: FilteringBoundLogger = structlog.get_logger()


class SpoolDrain:
    """A thread that drains the spool while the context is entered. ``publish`` and ``reachable`` may block."""

    def __init__(
        self,
        spool: Spool,
        publish: Callable[[Sequence[Received]], None],
        reachable: Callable[[], bool],
        broker_down: threading.Event,
    ) -> None:
        self._spool = spool
        self._publish = publish
        self._reachable = reachable
        self._broker_down = broker_down
        self._stopping = threading.Event()
        # A daemon: a publish that hangs must not keep the process from exiting; its reports are still spooled.
        self._thread = threading.Thread(target=self._run, name="drain", daemon=True)

    def run_once(self) -> int:
        """Drain until the spool is empty; returns how many reports were published. Raises like ``publish`` and the spool."""
        published = 0
        with self._spool.sole_drainer() as alone:
            while alone and not self._stopping.is_set() and (batch := self._spool.oldest(_BATCH)):
                self._publish([spooled.event for spooled in batch])
                self._broker_down.clear()
                self._spool.remove(batch[-1].place)
                published += len(batch)
        return published

    @property
    def alive(self) -> bool:
        """Whether the thread runs; the receiver is not ready without it."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._attempt_or_log())

    def _attempt_or_log(self) -> float:
        try:
            return self._attempt()
        except Exception:  # noqa: BLE001  the thread must go on: no other would drain
            _log.exception("draining failed, tried again")
            return _DISK_PAUSE

    def _attempt(self) -> float:
        """Drain once; returns how many seconds to wait before the next time."""
        pause = _PAUSE
        try:
            published = self.run_once()
        except BrokerUnavailable as error:
            if not self._broker_down.is_set():
                _log.error("broker.down", reason=f"spooled reports cannot be published: {error}")
                self._broker_down.set()
            return pause
        except SpoolUnavailable as error:
            _log.error("spool.unavailable", reason=str(error))
            published, pause = 0, _DISK_PAUSE
        if published:
            _log.info("spool.drained", reports=published)
        elif self._broker_down.is_set() and self._reachable():  # the spool is empty, so there is nothing to publish as a test
            self._broker_down.clear()
        return pause

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join(_PAUSE)

"""SpoolDrain: brings what the spool holds to the broker, oldest first, for as long as the receiver lives.

Enters: a spool that may hold reports of an earlier process or of another receiver of this host. Leaves: an empty spool, and
``broker_down`` cleared once the broker took something. A report is removed only after it was published: a kill in between
publishes it twice, never not at all. While the broker is away it is tried once a second; disk errors, and whatever else goes
wrong, are logged and tried again.
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

_BATCH = 100  # reports; as many can come twice after a kill
_PAUSE = 1.0  # seconds
_DISK_PAUSE = 10.0  # longer: what was published and could not be removed is published again after each

_log: FilteringBoundLogger = structlog.get_logger()


class SpoolDrain:
    """A thread that drains while the context lasts. ``publish`` and ``reachable`` may block."""

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
        # A daemon: a publish that hangs must not keep the process; what it had in hand is still spooled.
        self._thread = threading.Thread(target=self._run, name="drain", daemon=True)

    def run_once(self) -> int:
        """SpoolDrain until the spool is empty; the number of reports published. Raises as ``publish`` and the spool do."""
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
        except Exception:  # noqa: BLE001  no other thread would drain
            _log.exception("draining failed, tried again")
            return _DISK_PAUSE

    def _attempt(self) -> float:
        """One pass, and how long to wait after it."""
        pause = _PAUSE
        try:
            published = self.run_once()
        except BrokerUnavailable as error:
            if not self._broker_down.is_set():
                _log.error("broker.down", reason=f"spooled reports wait for it: {error}")
                self._broker_down.set()
            return pause
        except SpoolUnavailable as error:
            _log.error("spool.unavailable", reason=str(error))
            published, pause = 0, _DISK_PAUSE
        if published:
            _log.info("spool.drained", reports=published)
        elif self._broker_down.is_set() and self._reachable():  # nothing of ours to try it with
            self._broker_down.clear()
        return pause

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join(_PAUSE)

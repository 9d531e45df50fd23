"""The pulse of the machine: records when it, or this process, stalled, so that a stall is not mistaken for a bug.

Used as a context. Keeps a ``Harm`` to everybody for each standstill.
"""

import threading
import time
from types import TracebackType

from tests.chaos.faults.harm import Harm

_BEAT = 0.25  # seconds
_STANDSTILL = 1.5  # seconds between two beats


class Pulse:
    """Beats while the context lasts."""

    def __init__(self) -> None:
        self.standstills: list[Harm] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        last = time.time()
        while not self._over.wait(_BEAT):
            now = time.time()
            if now - last > _STANDSTILL:
                self.standstills.append(Harm(int(last * 1000), int(now * 1000)))
            last = now

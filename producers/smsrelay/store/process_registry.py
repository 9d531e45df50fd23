"""ProcessRegistry: processes of one kind, by their heartbeats on the store's clock, and how far apart the clocks are.

A process that stops in order is gone at once; one that was killed or is frozen, ``gone`` seconds after its last heartbeat. Raises
``StoreUnavailable``; the heartbeat is then missing, and the process works on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from smsrelay.store.connection import StoreRedis
from smsrelay.store.script import Script

BEAT = 5.0  # seconds between two heartbeats of a process
_PROMPT = 0.5  # seconds within which the store must answer a heartbeat that the clocks are compared by
_CLOCK_STEP = 100  # ms by which the difference between two clocks must change to be reported anew


@dataclass(frozen=True, slots=True)
class ListedProcess:
    """A process as it described itself, and its last heartbeat (ms, on the store's clock)."""

    entry: str
    seen_at: int


class ProcessRegistry:
    """The processes under one key; safe to share between threads. ``gone``: seconds of silence after which one is forgotten."""

    def __init__(
        self,
        redis: StoreRedis,
        key: str,
        gone: float,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key, self._gone = key, int(gone * 1000)
        self._script = Script(redis, __name__, "process_registry.lua")
        self._wall, self._monotonic = wall, monotonic

    def beat(self, entry: str, instead_of: str = "") -> int | None:
        """Record a heartbeat, in place of an earlier entry of the same process.

        Returns by how many ms this host's clock is ahead of the store's; None if the store answered too late to tell.
        """
        asked_at, begun = self._wall(), self._monotonic()
        now = int(self._script.run([self._key], [entry, self._gone, instead_of])[0])
        took = self._monotonic() - begun
        if took > _PROMPT:
            return None
        return int(asked_at / 1_000_000 + took * 500) - now

    def leave(self, entry: str) -> None:
        """Remove a process that ends."""
        self._script.run([self._key], ["", self._gone, entry])

    def listed(self) -> list[ListedProcess]:
        """All processes that are not forgotten. Writes nothing."""
        _, *found = self._script.run([self._key], ["", self._gone, ""])
        return [ListedProcess(str(entry), int(float(at))) for entry, at in zip(found[::2], found[1::2], strict=True)]


def steady_clock(reported: int | None, measured: int | None) -> int | None:
    """The difference between two clocks (ms) to report: the one reported before, unless the measured one is another."""
    if reported is None or (measured is not None and abs(measured - reported) >= _CLOCK_STEP):
        return measured
    return reported

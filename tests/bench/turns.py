"""Takes turns: workers with a backlog each, of which only one works at a time, in slices of a second or two.

So whatever slows the machine slows all of them. Takes backlogs; returns the rate and the CPU seconds a message of each slice.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from smsrelay.contract.lanes import Lane
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.processes import Process, family
from tests.bench.sides import RelaySide, fill_together, workers

_WARM = 300  # submits before the first slice
_SETTLED = 0.2  # seconds of each slice that are not counted


@dataclass(frozen=True, slots=True)
class Slice:
    """Submits a second at the vendor, and CPU seconds of the worker a message."""

    rate: float
    cpu: float


class Turn:
    """A worker that stands still but in its slices."""

    def __init__(self, ground: Ground, worker: Process) -> None:
        self.ground, self._worker = ground, worker
        self._tell(signal.SIGSTOP)

    def slice(self, seconds: float) -> Slice:
        """Let it work for a while."""
        self._tell(signal.SIGCONT)
        time.sleep(_SETTLED)
        since, cpu = time.monotonic_ns(), self._worker.cpu()
        time.sleep(seconds)
        until, spent = time.monotonic_ns(), self._worker.cpu() - cpu
        self._tell(signal.SIGSTOP)
        arrived = sum(since <= at < until for at in self.ground.vendor.instants())
        return Slice(arrived * 1e9 / (until - since), spent / max(1, arrived))

    def go_on(self) -> None:
        """Let it work again, so that it can be stopped."""
        self._tell(signal.SIGCONT)

    def _tell(self, number: signal.Signals) -> None:
        for one in family(self._worker.popen.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, number)


@contextlib.contextmanager
def a_turn(conditions: Conditions, side: RelaySide, how: str, lane: Lane, count: int, replicas: int = 0) -> Iterator[Turn]:
    """A ground of its own, filled, with a worker of one process that has begun; ``replicas`` follow its Valkey."""
    with a_ground(conditions, replicas=replicas) as ground:
        fill_together(side, ground, how, count, lane)
        [worker] = workers(side, ground, [lane])
        ground.processes.wait(worker, lambda: ground.vendor.arrived() > _WARM, "the vendor sees submits")
        turn = Turn(ground, worker)
        try:
            yield turn
        finally:
            turn.go_on()


def ratios(olds: list[float], news: list[float]) -> list[float]:
    """Each new one to the mean of the two old ones before and after it; of the old ones there is one more."""
    return [2 * new / (one + other) for new, one, other in zip(news, olds, olds[1:], strict=False)]

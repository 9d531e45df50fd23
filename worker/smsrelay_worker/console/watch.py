"""Watch: the state of the relay as the pages show it, and how its numbers moved in the last minutes.

Nothing is written to the store: what was before this process started is not shown.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from smsrelay.messages.tally import FINAL, SUBMITS
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.console.shared_reading import SharedReading
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.store.tallies import Tallied

EVERY = 5.0  # seconds between two samples
_KEPT = 121  # samples: ten minutes
_FRESH = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """Numbers at one moment; ``at`` is monotonic seconds. None: the store did not answer. ``tallied`` counts since ever."""

    at: float
    waiting: int | None = None  # over all lanes
    tallied: Tallied | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """The last minutes, oldest first. ``rate``: submits a second; ``ended``: messages by their final state."""

    waiting: Sequence[float | None] = ()
    rate: Sequence[float | None] = ()
    ended: Mapping[str, int] = field(default_factory=dict)


class Watch:
    """Safe to share between threads."""

    def __init__(self, read: Callable[[], StatusOverview], tallies: Callable[[], Tallied], clock: Callable[[], float]) -> None:
        self._overview = SharedReading(read, _FRESH, clock)
        self._tallies = SharedReading(tallies, _FRESH, clock)
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=_KEPT)

    def overview(self) -> StatusOverview:
        """The present state, at most a second old; raises ``StoreUnavailable``."""
        return self._overview.get()

    def tallied(self) -> Tallied:
        """What was counted since the relay first ran, at most a second old; raises ``StoreUnavailable``."""
        return self._tallies.get()

    def movement(self) -> Movement:
        """How the numbers moved."""
        return movement(tuple(self._samples))

    def run(self, stopping: threading.Event) -> None:
        """Take a sample every few seconds until stopped."""
        while not stopping.wait(EVERY):
            self.sample()

    def sample(self) -> None:
        """Take one."""
        try:
            overview, tallied = self.overview(), self.tallied()
        except StoreUnavailable:
            self._samples.append(Sample(self._clock()))
        else:
            self._samples.append(Sample(self._clock(), sum(overview.waiting.values()), tallied))


def movement(samples: Sequence[Sample]) -> Movement:
    """How numbers moved over some samples."""
    counted = [sample.tallied for sample in samples if sample.tallied is not None]
    return Movement(
        [sample.waiting for sample in samples],
        [_rate(before, after) for before, after in pairwise(samples)],
        _ended(counted[0], counted[-1]) if counted else {},
    )


def _rate(before: Sample, after: Sample) -> float | None:
    """Submits a second between two samples; None where one is missing."""
    if before.tallied is None or after.tallied is None:
        return None
    submits = sum(after.tallied.family(SUBMITS).values()) - sum(before.tallied.family(SUBMITS).values())
    return max(0.0, submits / (after.at - before.at))


def _ended(first: Tallied, last: Tallied) -> dict[str, int]:
    """How many messages ended in each state between two readings."""
    before, counts = first.family(FINAL), dict[str, int]()
    for labels, count in last.family(FINAL).items():
        state = labels[1]
        counts[state] = counts.get(state, 0) + max(0, count - before.get(labels, 0))
    return counts

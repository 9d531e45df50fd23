"""Which campaigns a run has, and when each is paused, resumed or cancelled. Pure.

Every loud stretch of a run has two: one that is paused and resumed, and one that is cancelled while messages of it wait.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.faults.calm import Calm, loud

_PAUSE, _RESUME, _CANCEL = 0.3, 0.6, 0.7  # of the stretch


@dataclass(frozen=True, slots=True)
class Steering:
    """One campaign, with messages ``since`` … ``until``. Instants in seconds from the start; None: never."""

    app: str
    name: str
    since: float
    until: float
    pause: float | None = None
    resume: float | None = None
    cancel: float | None = None

    @property
    def campaign(self) -> str:
        """Its name among those of all apps."""
        return f"{self.app}/{self.name}"


def steerings(quiet: Sequence[Calm]) -> Iterator[Steering]:
    """Every campaign of a run."""
    for number, (since, until) in enumerate(loud(quiet), 1):
        lasts = until - since
        yield Steering("shop", f"spring-{number}", since, until, pause=since + _PAUSE * lasts, resume=since + _RESUME * lasts)
        yield Steering("bank", f"sale-{number}", since, until, cancel=since + _CANCEL * lasts)

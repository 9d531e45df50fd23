"""The operator: pauses, resumes and cancels campaigns while everything breaks, and asks again until there is an answer.

Takes an ``Enqueuer`` and what to do when; returns when each thing was first asked for and when it was answered. An undocumented
exception is recorded for the judge and otherwise treated like a store that does not answer.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from smsrelay.campaign_control import CampaignControl
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreUnavailable
from tests.chaos.limits.steering import Steering

_AGAIN = 0.3  # seconds before it is asked again

_Does = Callable[[CampaignControl], object]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that was asked for. Instants in ms since the epoch; ``answered`` None: never."""

    at: int
    answered: int | None


@dataclass(frozen=True, slots=True)
class Steered:
    """What was done with one campaign; None: nobody wanted it."""

    campaign: str
    paused: Asked | None = None
    resumed: Asked | None = None
    cancelled: Asked | None = None


class Operator:
    """Steers every campaign in a thread of its own."""

    def __init__(self, enqueuer: Enqueuer) -> None:
        self._enqueuer = enqueuer
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._steered: list[Steered] = []
        self._started = self._give_up = 0.0
        self.surprises: Counter[str] = Counter()  # undocumented exceptions
        self.diary: list[tuple[int, str]] = []  # epoch ms, what was answered

    def start(self, plan: Iterable[Steering], started: float, give_up: float) -> None:
        """Begin; ``give_up`` seconds after ``started`` (monotonic) nothing is asked again."""
        self._started, self._give_up = started, started + give_up
        for steering in plan:
            self._threads.append(threading.Thread(target=self._steer, args=(steering,)))
            self._threads[-1].start()

    def done(self) -> list[Steered]:
        """Wait for the last answer; returns what was done."""
        for thread in self._threads:
            thread.join()
        return self._steered

    def _steer(self, steering: Steering) -> None:
        control = self._enqueuer.campaign(steering.app, steering.name)
        steered = Steered(
            steering.campaign,
            self._asked(steering.pause, steering.campaign, control, CampaignControl.pause),
            self._asked(steering.resume, steering.campaign, control, CampaignControl.resume),
            self._asked(steering.cancel, steering.campaign, control, CampaignControl.cancel),
        )
        with self._lock:
            self._steered.append(steered)

    def _asked(self, at: float | None, campaign: str, control: CampaignControl, does: _Does) -> Asked | None:
        if at is None:
            return None
        time.sleep(max(0.0, self._started + at - time.monotonic()))
        first = _now()
        while time.monotonic() < self._give_up:
            if self._answered(control, does):
                answered = _now()
                with self._lock:
                    self.diary.append((answered, f"campaign {campaign}: {does.__name__} answered"))
                return Asked(first, answered)
            time.sleep(_AGAIN)
        return Asked(first, None)

    def _answered(self, control: CampaignControl, does: _Does) -> bool:
        """Ask once. A campaign that nothing was accepted of yet is unknown, and asked for again."""
        try:
            return does(control) is not None
        except StoreUnavailable:
            return False
        except Exception as error:
            log.exception("steering a campaign failed as no app has to expect")
            with self._lock:
                self.surprises[f"steering a campaign raised {type(error).__name__}: {error}"] += 1
            return False


def _now() -> int:
    return time.time_ns() // 1_000_000

"""RetrySchedule: when an outcome that was not taken is delivered again. Pure; the retention of the message ends it."""

from dataclasses import dataclass

_MINUTE, _HOUR = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Delays in seconds after the first, second, … failure; the last one repeats. ``jitter`` is a share of the delay."""

    delays: tuple[float, ...]
    jitter: float = 0.1

    def delay(self, failures: int, roll: float) -> float:
        """Seconds to wait after this many failures (1 or more), spread by ``roll`` (0 ≤ roll < 1)."""
        planned = self.delays[min(failures, len(self.delays)) - 1]
        return planned * (1 + self.jitter * (2 * roll - 1))


WEBHOOK = RetrySchedule((5, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR))
CELERY = RetrySchedule((1, 5, 30, _MINUTE))  # a publish is cheap, and a broker that is back takes everything at once


def of(delays: tuple[float, ...] | None, usual: RetrySchedule) -> RetrySchedule:
    """The schedule with the delays that the apps file names, if it names any."""
    return usual if delays is None else RetrySchedule(delays)

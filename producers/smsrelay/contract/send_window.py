"""SendWindow: the hours of the day in which a lane's messages to one country are submitted. Pure.

Hours are those of a zone's wall clock, so a day with a change to or from summer time has the same hours as any other. Instants
are milliseconds since the Unix epoch.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from smsrelay.contract.lanes import Lane


@dataclass(frozen=True, slots=True)
class SendWindow:
    """Open from ``opens`` until ``closes``, which is on the next day if it is not later than ``opens``."""

    lane: Lane
    country: str  # calling code, without its plus
    opens: time
    closes: time
    zone: ZoneInfo

    @property
    def name(self) -> str:
        """How timelines call it: ``marketing +86``."""
        return f"{self.lane.value} +{self.country}"

    def opening(self, now: int) -> int:
        """The first instant at or after ``now`` at which it is open: ``now`` itself while it is."""
        return min((max(start, now) for start, end in self._around(now) if end > now), default=now)

    def closing(self, now: int) -> int:
        """When it closes, for an instant at which it is open."""
        return max((end for start, end in self._around(now) if start <= now < end), default=now)

    def _around(self, now: int) -> list[tuple[int, int]]:
        today = datetime.fromtimestamp(now / 1000, self.zone).date()
        return [self._of(today + timedelta(days=days)) for days in (-1, 0, 1, 2)]

    def _of(self, day: date) -> tuple[int, int]:
        next_day = self.closes <= self.opens
        return self._instant(day, self.opens), self._instant(day + timedelta(days=int(next_day)), self.closes)

    def _instant(self, day: date, at: time) -> int:
        """The instant of a wall clock's time; one that summer time skips is as much later as the clock jumps."""
        local = datetime.combine(day, at, self.zone)
        return int(local.astimezone(UTC).timestamp() * 1000)

"""Clock: the minutes, hours and days in which a clock cap and a fuse count. Pure.

Every instant is in exactly one of them. An hour or a day is as long as the zone's wall clock says: the one of a change from
summer time is an hour longer. Instants are milliseconds since the Unix epoch.
"""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

_MINUTE = 60_000


class Clock(StrEnum):
    """What a clock cap counts in."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> int:
        """How long it usually is (ms)."""
        return {Clock.MINUTE: _MINUTE, Clock.HOUR: 60 * _MINUTE, Clock.DAY: 24 * 60 * _MINUTE}[self]

    def bounds(self, now: int, zone: ZoneInfo) -> tuple[int, int]:
        """The one that ``now`` is in: from, until."""
        if self is Clock.MINUTE:  # zones differ by whole minutes
            since = now - now % _MINUTE
            return since, since + _MINUTE
        wall = datetime.fromtimestamp(now / 1000, zone).replace(tzinfo=None, fold=0, minute=0, second=0, microsecond=0)
        step = timedelta(hours=1)
        if self is Clock.DAY:
            wall, step = wall.replace(hour=0), timedelta(days=1)
        marks = [_instant(wall + count * step, zone) for count in range(-2, 4)]
        return max(at for at in marks if at <= now), min(at for at in marks if at > now)


def offset(now: int, zone: ZoneInfo) -> int:
    """How far the zone's wall clock is ahead of UTC (ms)."""
    ahead = datetime.fromtimestamp(now / 1000, zone).utcoffset() or timedelta()
    return int(ahead / timedelta(milliseconds=1))


def day_of(now: int, zone: ZoneInfo) -> date:
    """The date on the zone's wall clock."""
    return datetime.fromtimestamp(now / 1000, zone).date()


def _instant(wall: datetime, zone: ZoneInfo) -> int:
    """When the wall clock first shows this; if it never does, when it jumps, or as much later as it jumps."""
    return int(wall.replace(tzinfo=zone).astimezone(UTC).timestamp() * 1000)

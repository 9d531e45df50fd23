"""SendWindow: the hours of the day in which a lane's messages to one country are submitted. Pure.

A window is open while the wall clock of its zone shows one of its hours, and closed otherwise. A change to or from summer time
has no rule of its own: an hour that is skipped is open for nobody, and one that comes twice is open twice. Instants are
milliseconds since the Unix epoch.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from smsrelay.contract.lanes import Lane

_MINUTE = 60_000  # ms; windows open and close, and zones change, with a minute
_DAY = 24 * 60 * _MINUTE
_DAYS = 4  # looked ahead: a change of the clock can skip a window, or a whole day


@dataclass(frozen=True, slots=True)
class SendWindow:
    """Open from ``opens`` until ``closes``, which is on the next day if it is not later than ``opens``."""

    lane: Lane
    country: str  # calling code, without its plus
    opens: time  # whole minutes, as ``closes``
    closes: time
    zone: ZoneInfo

    @classmethod
    def decode(cls, row: object) -> "SendWindow":
        """Read what ``encode`` wrote; raises ``ValueError``, also for a zone that this machine does not know."""
        if not isinstance(row, list) or len(row) != 5 or not all(isinstance(part, str) for part in row):
            raise ValueError("not a send window")
        lane, country, opens, closes, zone = row
        try:
            return cls(Lane(lane), country, time.fromisoformat(opens), time.fromisoformat(closes), ZoneInfo(zone))
        except (ZoneInfoNotFoundError, OSError):  # OSError: names of folders among the zone files
            raise ValueError("an unknown zone") from None

    def encode(self) -> list[str]:
        """As ``{sms}:limits`` holds it, in JSON."""
        hours = (at.isoformat("minutes") for at in (self.opens, self.closes))
        return [self.lane.value, self.country, *hours, self.zone.key]

    @property
    def name(self) -> str:
        """How timelines call it: ``marketing +86``."""
        return f"{self.lane.value} +{self.country}"

    def is_open(self, now: int) -> bool:
        """Whether the wall clock shows one of its hours."""
        at = _wall(self.zone, now).time()
        return self.opens <= at < self.closes if self.opens < self.closes else not self.closes <= at < self.opens

    def opening(self, now: int) -> int:
        """The first instant at or after ``now`` at which it is open: ``now`` itself while it is."""
        return max(self.hours(now)[0], now)

    def closing(self, now: int) -> int:
        """When it closes, for an instant at which it is open."""
        return self.hours(now)[1]

    def hours(self, now: int) -> tuple[int, int]:
        """From when, and until when, it is open next; the first is not after ``now`` while it is open.

        Remembered for the minute, so it costs less than ``is_open``.
        """
        return _hours(self, now // _MINUTE)

    def spoken(self, at: int) -> str:
        """An instant on the window's own clock, for people to read."""
        return f"{_wall(self.zone, at):%Y-%m-%d %H:%M} {self.zone.key}"


def window_of(lane: Lane, country: str, windows: Iterable[SendWindow]) -> SendWindow | None:
    """The window of a lane and country, if there is one."""
    return next((window for window in windows if (window.lane, window.country) == (lane, country)), None)


def window_warning(
    lane: Lane, country: str, not_before: int | None, expires_at: int, now: int, windows: Iterable[SendWindow]
) -> str | None:
    """A sentence if a message expires before its send window opens, so that it will not be sent; None if it does not.

    Instants are ms since the epoch; ``expires_at`` 0: never. A message that ignores its window must not be asked about.
    """
    window = window_of(lane, country, windows)
    if window is None or not expires_at:
        return None
    opening = window.opening(max(now, not_before or 0))
    if opening < expires_at:
        return None
    return f"expires before its send window ({window.name}) opens, at {window.spoken(opening)}, and would not be sent"


def encode_windows(windows: Iterable[SendWindow]) -> str:
    """Windows as ``{sms}:limits`` holds them."""
    return json.dumps([window.encode() for window in windows], separators=(",", ":"))


def decode_windows(wire: str) -> tuple[SendWindow, ...]:
    """Windows out of ``{sms}:limits``; one that this version cannot read is left out."""
    return tuple(_readable(json.loads(wire)))


def _readable(rows: Sequence[object]) -> Iterator[SendWindow]:
    for row in rows:
        try:
            yield SendWindow.decode(row)
        except ValueError:
            continue


@lru_cache(maxsize=1024)
def _hours(window: SendWindow, minute: int) -> tuple[int, int]:
    """When it is open next, or has been since, at the latest, this minute: from, until."""
    start = minute * _MINUTE
    turns = [start, *sorted(at for at in {*_edges(window, start), *_changes(window.zone, start)} if at > start)]
    opens = next((at for at in turns if window.is_open(at)), turns[-1])
    return opens, next((at for at in turns if at > opens and not window.is_open(at)), turns[-1])


def _edges(window: SendWindow, start: int) -> Iterator[int]:
    """Instants around which its opening and closing hours come up on the days ahead."""
    today = _wall(window.zone, start).date()
    for days in range(_DAYS):
        for at in (window.opens, window.closes):
            for fold in (0, 1):  # an hour that comes twice
                yield _instant(window.zone, today + timedelta(days=days), at, fold)


def _changes(zone: ZoneInfo, start: int) -> Iterator[int]:
    """Instants in the days ahead at which the zone's clock jumps."""
    for before in range(start, start + _DAYS * _DAY, _DAY):
        at, after = before, before + _DAY
        if _offset(zone, at) == _offset(zone, after):
            continue
        while after - at > _MINUTE:
            middle = at + (after - at) // (2 * _MINUTE) * _MINUTE
            at, after = (middle, after) if _offset(zone, middle) == _offset(zone, at) else (at, middle)
        yield after


def _wall(zone: ZoneInfo, at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone)


def _offset(zone: ZoneInfo, at: int) -> timedelta | None:
    return _wall(zone, at).utcoffset()


def _instant(zone: ZoneInfo, day: date, at: time, fold: int) -> int:
    return int(datetime.combine(day, at, zone).replace(fold=fold).astimezone(UTC).timestamp() * 1000)

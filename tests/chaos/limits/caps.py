"""The limits file of a run: caps short enough to bite, and a minute in which marketing waits. Pure.

The judge reads the same values, and counts for itself what the simulator saw.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from smsrelay.contract.lanes import Lane

OPEN_FIRST = 20.0  # seconds of load before the window closes
_ZONE = ZoneInfo("Asia/Kathmandu")  # not whole hours from UTC
_MINUTE = 60_000  # ms
_STARTING = 45_000  # ms that the processes take to start, at most


@dataclass(frozen=True, slots=True)
class ChaosCap:
    """At most ``count`` attempts in ``lane`` to a number in any ``seconds``; of each app by itself, or of all together."""

    name: str
    lane: Lane
    count: int
    seconds: int
    by_app: bool = False


CAPS = (
    ChaosCap("codes", Lane.OTP, 2, 20, by_app=True),
    ChaosCap("codes-of-all-apps", Lane.OTP, 3, 20),
    ChaosCap("notices", Lane.NOTICE, 5, 60),
)


@dataclass(frozen=True, slots=True)
class ClosedPhase:
    """When the send window of marketing is closed, in ms since the epoch."""

    since: int
    until: int

    @classmethod
    def ahead(cls, now: int) -> "ClosedPhase":
        """The first whole minute before which the processes can start and the load can run for a while."""
        since = -(-(now + _STARTING + int(1000 * OPEN_FIRST)) // _MINUTE) * _MINUTE
        return cls(since, since + _MINUTE)


def limits_text(closed: ClosedPhase | None) -> str:
    """A limits file with the caps, and a window that is closed in this phase of the day alone."""
    lines = ["version = 1", 'countries = "any"']
    for cap in CAPS:
        lines += ["[[cap]]", f'name = "{cap.name}"', f'lanes = ["{cap.lane.value}"]', f"count = {cap.count}"]
        lines += [f"window_s = {cap.seconds}", f'per = "{"number+app" if cap.by_app else "number"}"']
    if closed is not None:
        lines += ["[[window]]", 'lane = "marketing"', 'country = "86"', f'zone = "{_ZONE.key}"']
        lines += [f'opens = "{_clock(closed.until)}"', f'closes = "{_clock(closed.since)}"']
    return "\n".join(lines) + "\n"


def _clock(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, _ZONE):%H:%M}"

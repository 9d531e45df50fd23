"""Checks: what must hold when an attempt begins, beside the record itself; and what it means when it does not. Pure.

The store makes the checks in the step that begins the attempt, so they hold over all workers. Instants are milliseconds since the
Unix epoch on the store's clock.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LATEST_SUBMIT = 5_000  # ms after its begin at which an attempt is submitted at the latest; ``Timeouts.stall``


class Bar(StrEnum):
    """What keeps a message from being attempted now."""

    CAP = "cap"  # the number has had as many attempts as a cap allows
    FUSE = "fuse"  # the app has sent as many messages to a country today as its fuse allows
    CLOSED = "closed"  # the send window closes too soon
    SUPPRESSED = "suppressed"  # the recipient wants nothing from this sender
    HALTED = "halted"  # an operator has stopped this part of the traffic
    CANCELLED = "cancelled"  # the campaign was cancelled
    COUNTRY = "country"  # the app may not text this country
    NOT_LISTED = "not listed"  # SMSRELAY_ONLY_TO does not list the number


@dataclass(frozen=True, slots=True)
class Barred:
    """An attempt did not begin, or a job was not accepted: why, which rule, and until when (0: nobody knows).

    ``name``: the cap's name, the part that is halted, or the list that suppresses.
    """

    bar: Bar
    name: str = ""
    until: int = 0


@dataclass(frozen=True, slots=True)
class CapCheck:
    """One cap, narrowed to the attempts that count against it for this message."""

    name: str
    count: int
    window: int  # ms; 0: a clock window, from ``since`` to ``until``
    since: int = 0
    until: int = 0
    lanes: str = ""  # first letters; empty: any lane counts
    templates: tuple[str, ...] = ()  # empty: any
    app: str = ""  # empty: any

    def encode(self) -> list[Any]:
        """As ``caps.lua`` reads it."""
        return [self.name, self.count, self.window, self.since, self.until, self.lanes, list(self.templates), self.app]


@dataclass(frozen=True, slots=True)
class FuseCheck:
    """How many attempts an app may begin to a country on one day."""

    day: str  # 20261128
    app: str
    country: str
    most: int
    until: int  # when that day ends


@dataclass(frozen=True, slots=True)
class Checks:
    """All checks of one begin. ``digests``: of the number, by each key; the record's own comes first."""

    digests: tuple[str, ...] = ()
    caps: tuple[CapCheck, ...] = ()
    lasts: int = 0  # ms: the longest window of all caps; 0: none counts this attempt
    closes: int = 0  # the begin must come before; 0: no window
    suppressed_by: tuple[str, ...] = ()  # lists that must not hold the number
    fuse: FuseCheck | None = None


class Counted(StrEnum):
    """What becomes of the attempt that a begin has counted against caps."""

    KEEP = ""
    SETTLED = "settled"  # the vendor has answered, so it cannot count it later than now
    RETURNED = "returned"  # it was certainly not executed

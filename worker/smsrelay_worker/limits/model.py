"""Limits: how often and at which hours a number may be texted, in which countries, and how much an app may send there. Pure.

Frozen values that the limits file gives. Instants are milliseconds since the Unix epoch on the store's clock.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import recipient_digest
from smsrelay.contract.send_window import SendWindow, encode_windows
from smsrelay.contract.suppression import lists_of_sender
from smsrelay.messages.checks import LATEST_SUBMIT, CapCheck, Checks, FuseCheck
from smsrelay.messages.record import Record
from smsrelay_worker.limits.clock import Clock, day_of, offset

ANY = "*"  # any app, or any country, each counted by itself
MARGIN = LATEST_SUBMIT + 1000  # ms before a window closes, from which no attempt begins: its submit may leave so much later
_SHUT = 1  # a past instant: no attempt begins before it


class Per(StrEnum):
    """Which attempts to a number a cap counts together."""

    NUMBER = "number"
    APP = "number+app"
    TEMPLATE = "number+template"


@dataclass(frozen=True, slots=True)
class ClockWindow:
    """A cap counts in each minute, hour or day of a zone's wall clock."""

    clock: Clock
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``count`` attempts to a number in any stretch of ``window`` ms, or in one minute, hour or day of the clock."""

    name: str
    count: int
    window: int | ClockWindow
    per: Per = Per.NUMBER
    lanes: tuple[Lane, ...] = ()  # empty: attempts in any lane count
    templates: tuple[str, ...] = ()  # empty: of any template

    def counts(self, lane: Lane, template: str) -> bool:
        """Whether attempts of such messages count against it."""
        return (not self.lanes or lane in self.lanes) and (not self.templates or template in self.templates)

    @property
    def length(self) -> int:
        """How long its window usually is (ms)."""
        return self.window.clock.length if isinstance(self.window, ClockWindow) else self.window

    @property
    def lasts(self) -> int:
        """How long an attempt may count against it (ms); a day of the clock may be longer than others."""
        return self.length * 2 if isinstance(self.window, ClockWindow) else self.length

    def check(self, template: str, app: str, now: int) -> CapCheck:
        """The cap, narrowed to the attempts that count against it for a message."""
        window, since, until = self.window, 0, 0
        if isinstance(window, ClockWindow):
            since, until = window.clock.bounds(now, window.zone)
            window = 0
        return CapCheck(
            self.name,
            self.count,
            window,
            since,
            until,
            self.letters,
            (template,) if self.per is Per.TEMPLATE else self.templates,
            app if self.per is Per.APP else "",
        )

    @property
    def letters(self) -> str:
        """The first letters of its lanes; empty: any."""
        return "".join(lane.value[0] for lane in self.lanes)

    def encode(self, now: int) -> list[object]:
        """As ``outbox.lua`` reads it; a clock window ends with how far its zone is ahead of UTC (ms) now."""
        row: list[object] = [self.name, self.count, self.length, self.letters, self.templates, self.per.value]
        return [*row, offset(now, self.window.zone)] if isinstance(self.window, ClockWindow) else row


@dataclass(frozen=True, slots=True)
class Fuse:
    """How many messages an app may have attempted in a country on one day; the app's other countries go on."""

    app: str  # ANY: each app that has no row of its own
    country: str  # ANY: each country that has no row of its own
    per_day: int
    zone: ZoneInfo

    def check(self, app: str, country: str, now: int) -> FuseCheck:
        """The fuse as it stands for a message."""
        day = f"{day_of(now, self.zone):%Y%m%d}"
        return FuseCheck(day, app, country, self.per_day, Clock.DAY.bounds(now, self.zone)[1])


@dataclass(frozen=True, slots=True)
class _Counted:
    """What counts attempts of one lane, template and app."""

    rolling: tuple[CapCheck, ...]  # always the same
    clocked: tuple[Cap, ...]


class Limits:
    """Everything that the limits file says. ``countries``: calling codes without plus; None: every country is allowed."""

    def __init__(
        self,
        caps: Iterable[Cap] = (),
        windows: Iterable[SendWindow] = (),
        countries: frozenset[str] | None = None,
        app_countries: Mapping[str, frozenset[str]] | None = None,
        fuses: Iterable[Fuse] = (),
    ) -> None:
        self.caps, self.windows, self.fuses = tuple(caps), tuple(windows), tuple(fuses)
        self.countries, self.app_countries = countries, dict(app_countries or {})
        self._windows = {(window.lane, window.country): window for window in self.windows}
        self._fuses = {(fuse.app, fuse.country): fuse for fuse in self.fuses}
        self._lasts = max((cap.lasts for cap in self.caps), default=0)
        self._counted = lru_cache(maxsize=4096)(self._counted_of)

    def checks(self, record: Record, number: str, now: int, keys: KeyRing, signature: str | None) -> Checks:
        """Everything that must hold when an attempt of the message begins.

        ``number``: its recipient in E.164. ``signature``: of its template, if the registry says it.
        """
        counted = self._counted(record.lane, record.template, record.app)
        caps = counted.rolling + tuple(cap.check(record.template, record.app, now) for cap in counted.clocked)
        lists = lists_of_sender(record.app, signature) if record.lane is Lane.MARKETING else ()
        closes, fuse = self._closes(record, now), self._fuse(record.app, record.country)
        if not (caps or lists or closes or fuse):
            return _NOTHING
        return Checks(
            _digests(record, number, keys) if caps or lists else (),
            caps,
            self._lasts if caps else 0,
            closes,
            lists,
            fuse.check(record.app, record.country, now) if fuse else None,
        )

    def window_of(self, record: Record) -> SendWindow | None:
        """The window that the message waits for; None if none applies, or the message ignores it."""
        return None if record.ignores_window else self._windows.get((record.lane, record.country))

    def closed_until(self, record: Record, now: int) -> int:
        """The first instant at which an attempt may begin, as far as its window is concerned; 0: now."""
        window = self.window_of(record)
        if window is None:
            return 0
        opens, closes = window.hours(now)
        if opens > now:
            return opens
        return 0 if now < closes - MARGIN else window.opening(closes)

    def allows(self, app: str, country: str) -> bool:
        """Whether the app may send to the country (calling code). Its own list counts in place of the general one."""
        allowed = self.app_countries.get(app, self.countries)
        return allowed is None or country in allowed

    def published(self, now: int) -> Mapping[str, str]:
        """The fields of ``{sms}:limits``: what is decided when a job is accepted, and what apps are warned of."""
        fields = {f"countries:{app}": _spaced(countries) for app, countries in self.app_countries.items()}
        if self.countries is not None:
            fields["countries"] = _spaced(self.countries)
        codes = [cap.encode(now) for cap in self.caps if not cap.lanes or Lane.OTP in cap.lanes]
        if codes:
            fields["otp"] = json.dumps(codes, separators=(",", ":"))
            fields["lasts"] = str(self._lasts)
        if self.windows:
            fields["windows"] = encode_windows(self.windows)
        return fields

    def _counted_of(self, lane: Lane, template: str, app: str) -> _Counted:
        counting = [cap for cap in self.caps if cap.counts(lane, template)]
        clocked = tuple(cap for cap in counting if isinstance(cap.window, ClockWindow))
        return _Counted(tuple(cap.check(template, app, 0) for cap in counting if cap not in clocked), clocked)

    def _closes(self, record: Record, now: int) -> int:
        window = self.window_of(record)
        if window is None:
            return 0
        opens, closes = window.hours(now)
        return closes - MARGIN if opens <= now else _SHUT

    def _fuse(self, app: str, country: str) -> Fuse | None:
        if not self._fuses:
            return None
        rows = ((app, country), (app, ANY), (ANY, country), (ANY, ANY))
        return next((self._fuses[row] for row in rows if row in self._fuses), None)


_NOTHING = Checks()


def _digests(record: Record, number: str, keys: KeyRing) -> tuple[str, ...]:
    """Digests of the number by each key; first the one that the record was made with."""
    digests = [recipient_digest(key, number) for key in keys.all]
    return tuple(sorted(digests, key=lambda digest: digest != record.recipient_hash)) if len(digests) > 1 else tuple(digests)


def _spaced(countries: Iterable[str]) -> str:
    """With a space around each, so that a script finds one without splitting."""
    return f" {' '.join(sorted(countries))} "

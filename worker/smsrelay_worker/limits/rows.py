"""The tables of the limits file as they are written, checked strictly."""

import re
from datetime import time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, model_validator

from smsrelay.contract.job import APP_NAME, TEMPLATE_ID
from smsrelay.contract.lanes import Lane
from smsrelay.contract.send_window import SendWindow
from smsrelay_worker.limits.clock import Clock
from smsrelay_worker.limits.model import ANY, Cap, ClockWindow, Fuse, Per

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LENGTH = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_CODE = re.compile(r"[1-9][0-9]{0,2}")
_HOUR = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_MIDNIGHT = "24:00"
_LONGEST = 31 * 86_400  # seconds


def _country(code: str) -> str:
    if not _CODE.fullmatch(code) or int(code) not in COUNTRY_CODE_TO_REGION_CODE:
        raise ValueError('must be a calling code without its plus, like "86"')
    return code


def _country_or_any(code: str) -> str:
    return code if code == ANY else _country(code)


def _countries(given: object) -> list[str]:
    if not isinstance(given, list) or not given or not all(isinstance(code, str) for code in given):
        raise ValueError('must be a list of calling codes, like ["86", "852"]')
    return _no_doubles([_country(code) for code in given])


def _countries_or_any(given: object) -> list[str] | None:
    if given == "any":
        return None
    if not isinstance(given, list):
        raise ValueError('must be a list of calling codes, like ["86", "852"], or "any"')  # noqa: TRY004  pydantic reports a ValueError
    return _countries(given)


def _zone(name: str) -> str:
    if not _is_zone(name):
        raise ValueError('must be the name of a time zone, like "Asia/Shanghai"')
    return name


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _length(written: str) -> str:
    found = _LENGTH.fullmatch(written)
    if not found or int(found[1]) * _UNITS[found[2]] > _LONGEST:
        raise ValueError('must be a length up to 31 days, like "60s", "1h" or "1d"')
    return written


def _hour(written: str) -> str:
    if written != _MIDNIGHT and not _HOUR.fullmatch(written):
        raise ValueError('must be an hour and a minute, like "08:00"; midnight is "00:00" or "24:00"')
    return written


def _no_doubles(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise ValueError("must list nothing twice")
    return values


def _app(name: str) -> str:
    if name != ANY and not re.fullmatch(APP_NAME, name):
        raise ValueError('must be the name of an app, or "*"')
    return name


_Country = Annotated[str, AfterValidator(_country)]
_Countries = Annotated[list[str], PlainValidator(_countries)]
_CountriesOrAny = Annotated[list[str] | None, PlainValidator(_countries_or_any)]
_Lanes = Annotated[list[Literal["otp", "notice", "marketing"]], Field(min_length=1), AfterValidator(_no_doubles)]
_Templates = Annotated[list[Annotated[str, Field(pattern=TEMPLATE_ID)]], Field(min_length=1), AfterValidator(_no_doubles)]
_Zone = Annotated[str, AfterValidator(_zone)]
_Hour = Annotated[str, AfterValidator(_hour)]
_LaneName = Literal["otp", "notice", "marketing"]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class CapRow(_Table):
    """``[[cap]]``."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,24}$")]
    lanes: _Lanes | None = None
    templates: _Templates | None = None
    count: Annotated[int, Field(ge=1, le=1000)]
    window: Annotated[str, AfterValidator(_length)] | None = None
    window_s: Annotated[int, Field(ge=1, le=_LONGEST)] | None = None
    clock: Literal["minute", "hour", "day"] | None = None
    zone: _Zone | None = None
    per: Literal["number", "number+app", "number+template"] = "number"

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        if sum(given is not None for given in (self.window, self.window_s, self.clock)) != 1:
            raise ValueError("needs exactly one of window, window_s and clock")
        if self.zone is None and self.clock in {"hour", "day"}:
            raise ValueError("zone is missing: whose hours or days?")
        if self.zone is not None and self.clock is None:
            raise ValueError("zone belongs to clock; a rolling window has none")
        return self

    def cap(self) -> Cap:
        """The cap that the table describes."""
        lanes = tuple(map(Lane, self.lanes or ()))
        return Cap(self.name, self.count, self._window(), Per(self.per), lanes, tuple(self.templates or ()))

    def _window(self) -> int | ClockWindow:
        if self.clock is not None:
            return ClockWindow(Clock(self.clock), ZoneInfo(self.zone or "UTC"))
        if self.window is not None:
            return int(self.window[:-1]) * _UNITS[self.window[-1]] * 1000
        return (self.window_s or 0) * 1000


class WindowRow(_Table):
    """``[[window]]``."""

    lane: _LaneName
    country: _Country
    opens: _Hour
    closes: _Hour
    zone: _Zone

    @model_validator(mode="after")
    def _closed_at_times(self) -> Self:
        if _time(self.opens) == _time(self.closes):
            raise ValueError("opens and closes are the same; without a window a lane is open all day")
        return self

    def send_window(self) -> SendWindow:
        """The window that the table describes."""
        return SendWindow(Lane(self.lane), self.country, _time(self.opens), _time(self.closes), ZoneInfo(self.zone))


class FuseRow(_Table):
    """``[[fuse]]``."""

    app: Annotated[str, AfterValidator(_app)]
    country: Annotated[str, AfterValidator(_country_or_any)]
    per_day: Annotated[int, Field(ge=1, le=1_000_000_000)]
    zone: _Zone

    def fuse(self) -> Fuse:
        """The fuse that the table describes."""
        return Fuse(self.app, self.country, self.per_day, ZoneInfo(self.zone))


class AppRow(_Table):
    """``[apps.NAME]``."""

    countries: _Countries


class FileTable(_Table):
    """The whole file."""

    version: Literal[1]
    countries: _CountriesOrAny
    apps: dict[Annotated[str, Field(pattern=APP_NAME)], AppRow] = {}
    cap: list[CapRow] = []
    window: list[WindowRow] = []
    fuse: list[FuseRow] = []


def _time(written: str) -> time:
    return time() if written == _MIDNIGHT else time.fromisoformat(written)

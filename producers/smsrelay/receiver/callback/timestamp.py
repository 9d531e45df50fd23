"""Parses the vendor's timestamps into epoch milliseconds; pure.

Accepts RFC 3339, a compact time (``20261128122009``, optionally with three more digits for milliseconds), epoch milliseconds and
epoch seconds, each as text or number. A time without a zone is taken as UTC, as in the example of the vendor's guide.
"""

import re
from datetime import UTC, datetime

from smsrelay.receiver.callback.scalar import scalar_text

_ZONE = r"( ?[Zz]| ?[+\-]\d\d:?\d\d| \d\d:?\d\d)?"
_RFC3339 = re.compile(r"(\d{4}[-/]\d\d[-/]\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))?" + _ZONE, re.ASCII)
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)[Tt ]?(\d\d)(\d\d)(\d\d)(?:(\d{3})|[.,](\d+))?" + _ZONE, re.ASCII)
_EPOCH = re.compile(r"(\d{9,13})(?:\.(\d+))?", re.ASCII)  # 9 digits of seconds: 1973; 13 of milliseconds: 2286
_FIRST_MILLISECONDS = 10**11  # as seconds this would be the year 5138
_FIRST_COMPACT = 10**13  # as milliseconds this would be the year 2286, so 14 digits are a compact time or nothing
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400  # seconds


def read_timestamp(value: object) -> int | None:
    """The instant in epoch milliseconds; ``None`` if the value is not a timestamp."""
    if type(value) is int and _FIRST_MILLISECONDS <= value < _FIRST_COMPACT:
        return value  # fast path: almost every report
    text = None if isinstance(value, bool) else scalar_text(value)
    if not text:
        return None
    if epoch := _EPOCH.fullmatch(text):
        whole = int(epoch[1])
        return whole if whole >= _FIRST_MILLISECONDS else whole * 1000 + _milliseconds(epoch[2])
    if stamp := _RFC3339.fullmatch(text):
        day, time, fraction, zone = stamp.groups()
        return _calendar(day.replace("/", "-"), time, fraction, zone)
    if stamp := _COMPACT.fullmatch(text):
        year, month, day, hour, minute, second, milliseconds, fraction, zone = stamp.groups()
        return _calendar(f"{year}-{month}-{day}", f"{hour}:{minute}:{second}", milliseconds or fraction, zone)
    return None


def _calendar(day: str, time: str, fraction: str | None, zone: str | None) -> int | None:
    offset = zone.strip().upper() if zone else "Z"
    if offset[0].isdigit():
        offset = f"+{offset}"  # a + sent unescaped in a form arrives as a space
    try:
        elapsed = datetime.fromisoformat(f"{day}T{time}{offset}") - _EPOCH_START
    except (ValueError, OverflowError):
        return None
    instant = (elapsed.days * _DAY + elapsed.seconds) * 1000 + _milliseconds(fraction)
    return instant if instant >= 0 else None


def _milliseconds(fraction: str | None) -> int:
    return int((fraction or "")[:3].ljust(3, "0"))

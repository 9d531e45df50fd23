"""WrittenNumber: finds a phone number in text that nobody could read as a job, in whatever spelling it stands there. Pure."""

import json
import re
import unicodedata
from urllib.parse import unquote_plus

import phonenumbers

from smsrelay_worker.operations.unreadable_replay import unwrapped

_BETWEEN = r"[\s().\-]{0,3}"
_SHORTEST = 7  # digits of a national number that is searched without its country code


class WrittenNumber:
    """One number, in E.164, as it may be written: with or without its country code, with spaces, dashes or brackets."""

    def __init__(self, number: str) -> None:
        parsed = phonenumbers.parse(number)
        code, national = str(parsed.country_code), phonenumbers.national_significant_number(parsed)
        dialled = rf"(?:00{_BETWEEN})?{_BETWEEN.join(code)}{_BETWEEN}"
        optional = "" if len(national) < _SHORTEST else "?"
        self._pattern = re.compile(rf"(?<!\d)(?:{dialled}){optional}0?{_BETWEEN.join(national)}(?!\d)")

    def is_in(self, body: bytes) -> bool:
        """Whether it stands in a body: as it came, as form data, or in the task that it wraps."""
        text = body.decode("utf-8", "replace")
        return any(self._pattern.search(unicodedata.normalize("NFKC", one)) for one in (text, unquote_plus(text), _inside(body)))

    def __repr__(self) -> str:
        return "WrittenNumber(…)"


def _inside(body: bytes) -> str:
    """What a task wraps, however often, with no escapes left; empty for what is no JSON."""
    try:
        return json.dumps(unwrapped(json.loads(body)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""

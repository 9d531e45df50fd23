"""Catalogue: what the console says in one language. Pure, but for reading the file that is installed beside it.

A text may hold places such as ``{count:,}``. With ``|`` it has two forms, of which the first is for a count of one.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from smsrelay.resources import text_beside

_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000  # ms
_UNITS = (("days", _DAY, "hours", _HOUR), ("hours", _HOUR, "minutes", _MINUTE), ("minutes", _MINUTE, "seconds", _SECOND))


class Language(StrEnum):
    """Languages that the console speaks, as in HTML's ``lang``."""

    EN = "en"
    ZH = "zh"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Texts of one language by key."""

    language: Language
    texts: Mapping[str, str] = field(repr=False)

    def text(self, key: str, **values: object) -> str:
        """The text with its places filled; raises ``KeyError`` for a key, or a place, that does not exist."""
        one, bar, many = self.texts[key].partition("|")
        chosen = one if not bar or values.get("count") == 1 else many
        return chosen.format(**values)

    def knows(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self.texts

    def span(self, ms: float) -> str:
        """A stretch of time in words, in its two largest units."""
        for large, size, small, rest in _UNITS:
            if ms >= size:
                whole, left = divmod(int(ms), size)
                parts = [self.text(f"span.{large}", count=whole)]
                if left >= rest:
                    parts.append(self.text(f"span.{small}", count=left // rest))
                return " ".join(parts)
        return self.text("span.seconds", count=max(0, int(ms // _SECOND)))


@cache
def catalogue_of(language: Language) -> Catalogue:
    """What the console says in this language."""
    return Catalogue(language, dict(_flat(tomllib.loads(text_beside(__name__, f"{language.value}.toml")))))


def preferred(cookie: str | None, accepted: str) -> Language:
    """The language of a browser: its cookie's, else the first we speak of the header ``Accept-Language``, else English."""
    if cookie in set(Language):
        return Language(cookie)
    weighed = [_weighed(one) for one in accepted.split(",")]
    spoken = [(weight, name) for weight, name in weighed if name in set(Language) and weight > 0]
    return Language(max(spoken, key=lambda one: one[0])[1]) if spoken else Language.EN


def _weighed(one: str) -> tuple[float, str]:
    name, _, weight = one.strip().partition(";")
    try:
        return float(weight.partition("=")[2] or 1.0) if weight else 1.0, name.partition("-")[0].lower()
    except ValueError:
        return 0.0, ""


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", str(value)

"""The strings that must not leak, and the search for them.

The search also decodes base64, percent, HTML and JSON escapes, spaced digits, full-width and Chinese numerals. Takes the people
and keys of one run, and texts by the place they come from; returns ``Finding`` values, one per place and needle.
"""

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import phonenumbers

_BLOB = re.compile(r"[A-Za-z0-9+/_\-]{16,}={0,2}")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s\-.()/]+(?=\d)")
_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_NUMERALS = str.maketrans("零一二三四五六七八九", "0123456789")
_SHOWN = 30  # findings in the text of a failure
_DEPTH = 3  # a task body is base64 in JSON in JSON


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient of this run, with a unique word and digit code."""

    role: str
    to: str  # E.164
    word: str
    code: str

    @property
    def national(self) -> str:
        """The digits that every spelling of the number ends with."""
        return str(phonenumbers.parse(self.to).national_number)

    @property
    def needles(self) -> dict[str, str]:
        """The strings that must not be found, keyed by what they are."""
        return {f"number of {self.role}": self.national, f"word of {self.role}": self.word, f"code of {self.role}": self.code}


@dataclass(frozen=True, slots=True)
class Finding:
    """A needle found in a place."""

    place: str
    needle: str

    def __str__(self) -> str:
        return f"{self.place}: {self.needle}"


def mainland(role: str, number: int) -> Person:
    """The ``number``-th person with a mainland number."""
    return _person(role, f"+86139550{41000 + 13 * number:05d}", number)


def abroad(role: str, number: int) -> Person:
    """The ``number``-th person with a number outside the mainland."""
    return _person(role, f"+4479111{23400 + 7 * number:05d}", number)


def find(needles: Mapping[str, str], places: Mapping[str, str]) -> list[Finding]:
    """Find every needle in every place, however it is encoded there."""
    return [
        Finding(place, name)
        for place, text in places.items()
        for layer in [" ".join(_layers(text, _DEPTH))]
        for name, needle in needles.items()
        if needle in layer
    ]


def nothing(findings: list[Finding]) -> None:
    """Fail, naming places and needles, if there is a finding."""
    lines = sorted({str(finding) for finding in findings})
    assert not findings, "\n".join([f"{len(lines)} leaks", *lines[:_SHOWN]])


def all_needles(people: Iterable[Person]) -> dict[str, str]:
    """The needles of several people."""
    return {name: needle for person in people for name, needle in person.needles.items()}


def _person(role: str, to: str, number: int) -> Person:
    return Person(
        role, to, f"Zq81{'abcdefghijklmnopqrstuvwxyz'[number % 26]}W{number:03d}k7Vx", f"{482913750612 + 7919 * number:012d}"
    )


def _layers(text: str, depth: int) -> Iterator[str]:
    """The text, and every text that may be encoded in it."""
    plain = html.unescape(unquote(text))
    yield text
    yield plain
    yield _BETWEEN_DIGITS.sub("", plain)
    spelt = unicodedata.normalize("NFKC", _ESCAPE.sub(lambda found: chr(int(found[1], 16)), plain)).translate(_NUMERALS)
    if spelt != plain:
        yield spelt
        yield _BETWEEN_DIGITS.sub("", spelt)
    if depth:
        for inner in filter(None, map(_decoded, set(_BLOB.findall(text)))):
            yield from _layers(inner, depth - 1)


def _decoded(blob: str) -> str:
    standard = blob.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""  # not the base64 of a text, but an id or a word

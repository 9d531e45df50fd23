"""Address: what ``--to`` names. No error quotes it, because it may hold a password. Pure."""

import re
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

from smsrelay_worker.exports.target import WrongTarget

FORMS = "ndjson:PATH, ndjson:- (standard output), sqlite:PATH or postgresql://USER@HOST:PORT/DATABASE"
_POSTGRESQL = ("postgresql://", "postgres://")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*|%2[Ff][A-Za-z0-9._%-]*)(?::\d{1,5})?")
_USER = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+(?::(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*)?")


class Format(Enum):
    """Kinds of targets; the value is what an address begins with."""

    NDJSON = "ndjson"
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Address:
    """``place``: a path, ``-`` for standard output, or the URL. Its repr shows no place."""

    format: Format
    place: str = field(repr=False)

    @property
    def is_output(self) -> bool:
        """Whether it is standard output."""
        return self.format is Format.NDJSON and self.place == "-"


def read_address(text: str) -> Address:
    """Raises ``WrongTarget``. A SQLite URL is read as SQLAlchemy does: three slashes and a relative path, or four."""
    if text == "-":
        return Address(Format.NDJSON, "-")
    if text.startswith(_POSTGRESQL):
        return Address(Format.POSTGRESQL, _checked(text))
    scheme, colon, place = text.partition(":")
    if scheme == Format.SQLITE.value and place.startswith("//"):
        place = place[3:] if place.startswith("///") else ""
    if not colon or scheme not in {Format.NDJSON.value, Format.SQLITE.value} or not place or "\0" in place:
        raise WrongTarget(f"must be one of {FORMS}")
    return Address(Format(scheme), place)


def _checked(url: str) -> str:
    """The URL, if it cannot be misread: libpq would name a part of a password as the host that it does not find."""
    try:
        netloc = urlsplit(url).netloc
    except ValueError:
        netloc = "\0"
    user, at, hosts = netloc.rpartition("@")
    if (at and not _USER.fullmatch(user)) or not all(map(_HOST.fullmatch, hosts.split(","))):
        raise WrongTarget("must be postgresql://USER@HOST:PORT/DATABASE, user and password percent-encoded")
    return url

"""Suppression: a recipient who wants no more marketing from a sender. Pure.

A number is suppressed on a list: of everyone, of an app, or of a signature. Codes and notices pass, whatever list it is on. The
store holds digests of numbers by the number keys, so nobody who reads it learns a number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from smsrelay.contract.job import APP_NAME

EVERYONE = "*"
BY_COMMAND, BY_IMPORT, BY_API, BY_LIBRARY = "command", "import", "api", "library"
_APP, _SIGNATURE = "app:", "sig:"
_SIGNATURE_TEXT = re.compile(r"[^【】\r\n]{1,20}")
_DIGEST = re.compile(r"[A-Za-z0-9_-]{12}")
_SOURCE = re.compile(r"[A-Za-z0-9._-]{1,40}")
_KEY_NAME = re.compile(r"[A-Za-z0-9_-]{4}")
_UNKNOWN = ""  # name of a key that nobody told
_SINCE = re.compile(r"[0-9]{1,15}")


def app_list(app: str) -> str:
    """The list of an app: its recipients who want no more of it. Raises ``ValueError`` for what is no app's name."""
    if not re.fullmatch(APP_NAME, app):
        raise ValueError("an app has 1 to 64 letters, digits, _, - or .")
    return _APP + app


def signature_list(signature: str) -> str:
    """The list of a signature, without its 【】, whichever app uses it. Raises ``ValueError`` for what is no signature."""
    plain = signature.strip().removeprefix("【").removesuffix("】")
    if not _SIGNATURE_TEXT.fullmatch(plain):
        raise ValueError("a signature has 1 to 20 characters, without 【】")
    return _SIGNATURE + plain


def known_list(name: str) -> str:
    """The name of a list as it is stored, checked; raises ``ValueError``."""
    if name == EVERYONE:
        return name
    if name.startswith(_APP):
        return app_list(name.removeprefix(_APP))
    if name.startswith(_SIGNATURE):
        return signature_list(name.removeprefix(_SIGNATURE))
    raise ValueError("a list is *, app:NAME or sig:SIGNATURE")


def lists_of_sender(app: str, signature: str | None) -> tuple[str, ...]:
    """The lists that an app's marketing must respect; ``signature``: of the registered template, if it is."""
    return (EVERYONE, _APP + app, *((_SIGNATURE + signature,) if signature else ()))


def list_of_report(app: str, signature: str | None) -> str:
    """The list that a number joins when the vendor reports that its owner blocks us."""
    return _SIGNATURE + signature if signature else _APP + app


@dataclass(frozen=True, slots=True)
class Suppression:
    """One number on one list, as the store holds it: ``DIGEST|LIST`` → ``MS|SOURCE|KEYNAME``. Its repr shows no digest."""

    digest: str = field(repr=False)
    list: str
    since: int  # ms since the epoch; 0: when the store is told of it
    source: str  # command, import, api, library, or the status code that said so: status.510
    key_name: str  # of the key that made the digest; empty: unknown

    @classmethod
    def decode(cls, field_name: str, value: str) -> Self:
        """Read what the store holds."""
        digest, _, name = field_name.partition("|")
        since, source, key_name = value.split("|")
        return cls(digest, name, int(since), source, key_name)

    @classmethod
    def checked(cls, digest: str, name: str, since: str, source: str, key_name: str) -> Self:
        """One out of a file; raises ``ValueError``, which quotes none of it."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError("digest: must be 12 letters, digits, - or _")
        if not _SINCE.fullmatch(since):
            raise ValueError("since: must be milliseconds since 1970, a whole number")
        if not _SOURCE.fullmatch(source):
            raise ValueError("source: must be a word, like import")
        if key_name and not _KEY_NAME.fullmatch(key_name):
            raise ValueError("key: must be the four characters that name a key")
        return cls(digest, known_list(name), int(since), source, key_name)


@dataclass(frozen=True, slots=True)
class SuppressedCount:
    """How many numbers a list holds, by the name of the key that made their digests."""

    list: str
    by_key: tuple[tuple[str, int], ...]

    @property
    def numbers(self) -> int:
        """All of them."""
        return sum(count for _, count in self.by_key)

    def under_others(self, names: Iterable[str]) -> int:
        """How many are under keys that are not among these, so that no look-up with these finds them."""
        known = {*names, _UNKNOWN}
        return sum(count for name, count in self.by_key if name not in known)

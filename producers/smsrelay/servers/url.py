"""ServerUrl: the URL of a store or broker, taken apart once and strictly, so that every library is told the same.

Enters: a URL. Leaves: its parts, decoded. Raises ``ValueError`` with what is wrong; nothing of the URL is quoted, for any part of
it may be a piece of a password that was not percent-encoded.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

_ENCODED = "in user and password, / ? # @ : [ ] and % are percent-encoded (/ is %2F, # is %23, % is %25)"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"[a-z_]{1,40}")  # of an option; anything else is not quoted


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """Scheme, server and login of a URL, and its options by name."""

    scheme: str
    host: str | None
    port: int | None
    user: str | None
    password: str | None = field(repr=False)
    path: str  # as it stands, still percent-encoded
    options: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Take a URL apart."""
        parts = _split(url)
        user, password = unquote(parts.username or "") or None, unquote(parts.password or "") or None
        if user and not password:
            raise ValueError("names a user and no password; a password alone is written :password@host")
        host = unquote(parts.hostname or "") or None
        return cls(parts.scheme, host, parts.port, user, password, parts.path, _options(parts.query))

    @property
    def login(self) -> str:
        """User and password as they stand before a host, encoded; empty without."""
        if self.password is None:
            return ""
        return f"{quote(self.user or '', safe='')}:{quote(self.password, safe='')}@"

    @property
    def located_host(self) -> str:
        """The host as it stands in a URL; raises ``ValueError`` when there is none."""
        if self.host is None:
            raise ValueError(f"names no host; {_ENCODED}")
        return f"[{self.host}]" if ":" in self.host else self.host

    def refuse_options(self, known: Collection[str]) -> None:
        """Raises ``ValueError`` for an option that is not ``known``: one library would fail at it and another pass it over."""
        if "db" in self.options and "db" not in known:
            raise ValueError("names the database as an option; it stands in the path, as in redis://host:6379/6")
        if unknown := set(self.options) - set(known):
            named = ", ".join(sorted(name for name in unknown if _NAME.fullmatch(name)))
            taken = f"it takes {', '.join(known)}" if known else "it takes none"
            raise ValueError(f"has an option that is not known{named and f' ({named})'}: {taken}")


def _split(url: str) -> SplitResult:
    if not all("!" <= character <= "~" for character in url):
        raise ValueError("holds a blank, a control character or one that is not ASCII; percent-encode it")
    if _STRAY_PERCENT.search(url):
        raise ValueError(f"holds a % without two hexadecimal digits; {_ENCODED}")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = None
    if parts is None:  # out here, so that no exception that quotes the URL hangs on ours
        raise ValueError(f"has no port of digits between 1 and 65535, or no host that can be read; {_ENCODED}")
    if "#" in url or "@" in parts.path + parts.query:
        raise ValueError(f"has a password that ends too early; {_ENCODED}")
    return parts


def _options(query: str) -> dict[str, str]:
    options = parse_qsl(query, keep_blank_values=True)
    if len(dict(options)) < len(options):
        raise ValueError("names an option twice")
    return dict(options)

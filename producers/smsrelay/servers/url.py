"""ServerUrl: the URL of a store or broker, parsed once and strictly, so that every library connects to the same server.

Raises ``ValueError`` with the reason. It never quotes the URL: any part of it may be a piece of a password that was not
percent-encoded.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

NEXT_URL = re.compile(r";(?=amqps?://)")  # between the URLs of several RabbitMQ servers
_ENCODED = "in user and password, / ? # @ : [ ] and % are percent-encoded (/ is %2F, # is %23, % is %25)"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AFTER_AUTHORITY = re.compile(r"[/?#]")
_OPTION_NAME = re.compile(r"[a-z_]{1,40}")  # anything else is not quoted


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """Scheme, server, login and options of a URL, decoded."""

    scheme: str
    host: str | None
    port: int | None
    user: str | None
    password: str | None = field(repr=False)
    path: str  # still percent-encoded
    options: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Parse a URL."""
        parts = _split(url)
        user, password = unquote(parts.username or "") or None, unquote(parts.password or "") or None
        if user and not password:
            raise ValueError("names a user but no password; a password alone is written :password@host")
        host = unquote(parts.hostname or "") or None
        if host and "," in host:
            raise ValueError("names several hosts; that is for sentinel:// and cluster://")
        return cls(parts.scheme, host, parts.port, user, password, parts.path, _options(parts.query))

    @classmethod
    def of_each(cls, url: str) -> list[Self]:
        """Parse a URL that may name several hosts, separated by commas: one for each host, alike in everything else."""
        scheme, separator, rest = url.partition("://")
        authority = _AFTER_AUTHORITY.split(rest, maxsplit=1)[0]
        login, at, hosts = authority.rpartition("@")
        each = [cls.of(f"{scheme}{separator}{login}{at}{host}{rest[len(authority) :]}") for host in hosts.split(",")]
        if len({(one.host, one.port) for one in each}) < len(each):
            raise ValueError("names a host twice")
        return each

    @property
    def login(self) -> str:
        """User and password as they appear before the host, percent-encoded; empty without a password."""
        if self.password is None:
            return ""
        return f"{quote(self.user or '', safe='')}:{quote(self.password, safe='')}@"

    @property
    def host_in_url(self) -> str:
        """The host as it appears in a URL, IPv6 in brackets; raises ``ValueError`` when there is none."""
        if self.host is None:
            raise ValueError(f"names no host; {_ENCODED}")
        return f"[{self.host}]" if ":" in self.host else self.host

    def refuse_options(self, known: Collection[str]) -> None:
        """Raises ``ValueError`` for an option that is not ``known``: one library would fail on it, another would ignore it."""
        if "db" in self.options and "db" not in known:
            raise ValueError("names the database as an option; it belongs in the path, as in redis://host:6379/6")
        if unknown := set(self.options) - set(known):
            named = ", ".join(sorted(name for name in unknown if _OPTION_NAME.fullmatch(name)))
            allowed = f"allowed: {', '.join(known)}" if known else "none is allowed"
            raise ValueError(f"has an unknown option{named and f' ({named})'}; {allowed}")


def named_hosts(url: str) -> list[str]:
    """Every host that the URL of a store or broker names; a socket is on this one. Raises ``ValueError``."""
    return [one.host or "localhost" for each in NEXT_URL.split(url) for one in ServerUrl.of_each(each)]


def _split(url: str) -> SplitResult:
    if not all("!" <= character <= "~" for character in url):
        raise ValueError("contains a blank, a control character or a non-ASCII character; percent-encode it")
    if _STRAY_PERCENT.search(url):
        raise ValueError(f"contains a % without two hexadecimal digits; {_ENCODED}")
    try:
        parts = urlsplit(url)
        _ = parts.port
        unquote(parts.hostname or "").encode("idna")  # which connecting does, and a name like a..b has no such form
    except ValueError:
        parts = None
    if parts is None:  # raised outside the except block, so that no exception that quotes the URL is chained to it
        raise ValueError(f"has an invalid port or host; a port is between 1 and 65535; {_ENCODED}")
    if "#" in url or "@" in parts.path + parts.query:
        raise ValueError(f"has a # or @ in the wrong place, perhaps in its password; {_ENCODED}")
    return parts


def _options(query: str) -> dict[str, str]:
    options = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)  # a blank is %20: a + may be part of a password
    if len(dict(options)) < len(options):
        raise ValueError("names an option twice")
    return dict(options)

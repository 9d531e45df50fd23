"""RedisAddress: server, login, database and TLS of a Redis, as redis-py and as kombu expect them.

The two libraries read the same URL differently, so it is parsed once and each gets a URL that means the same to it. Raises
``ValueError`` for a URL that is invalid or ambiguous; it does not quote the URL.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, unquote, urlencode

from smsrelay.servers.tls import OPTIONS, Tls
from smsrelay.servers.url import ServerUrl

TCP, SECURE, SOCKETS = "redis", "rediss", ("unix", "redis+socket")
_PORT = 6379
_DATABASE = re.compile(r"\d{1,5}")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One database of one server. ``place`` is host and port, or the path of a socket."""

    place: str
    login: str = field(repr=False)  # as it appears in a URL
    database: int
    tls: Tls | None = None
    socket: bool = False

    @classmethod
    def of(cls, url: str) -> Self:
        """Parse a URL; raises ``ValueError``."""
        parts = ServerUrl.of(url)
        if parts.scheme in SOCKETS:
            return cls(_socket(parts), parts.login, _database(_socket_database(parts) or "0"), socket=True)
        if parts.scheme not in {TCP, SECURE}:
            raise ValueError("must begin with one of redis:// rediss:// unix://")
        secure = parts.scheme == SECURE
        parts.refuse_options(OPTIONS if secure else ())
        place = f"{parts.host_in_url}:{parts.port or _PORT}"
        return cls(place, parts.login, _database(parts.path.strip("/") or "0"), Tls.of(parts.options) if secure else None)

    @property
    def redis_url(self) -> str:
        """The URL for redis-py."""
        if self.socket:
            return f"unix://{self.login}{quote(self.place)}?db={self.database}"
        if self.tls is None:
            return f"{TCP}://{self.login}{self.place}/{self.database}"
        return f"{SECURE}://{self.login}{self.place}/{self.database}?{urlencode(self.tls.for_redis())}"

    @property
    def kombu_url(self) -> str:
        """The URL for kombu; TLS is passed separately, as ``kombu_tls``."""
        if self.socket:
            return f"redis+socket://{self.login}{quote(self.place)}?virtual_host={self.database}"
        return f"{SECURE if self.tls else TCP}://{self.login}{self.place}/{self.database}"

    @property
    def kombu_tls(self) -> dict[str, Any] | None:
        """TLS options for kombu; ``None``: no TLS."""
        return None if self.tls is None else self.tls.for_redis()


def _socket(parts: ServerUrl) -> str:
    if parts.host is not None or not parts.path.strip("/"):
        raise ValueError("has no socket path; write unix:///run/redis/redis.sock, with three slashes")
    parts.refuse_options(("db", "virtual_host"))
    return unquote(parts.path)


def _socket_database(parts: ServerUrl) -> str | None:
    """The database in a socket's URL: redis-py names the option ``db``, kombu ``virtual_host``."""
    given = [parts.options[name] for name in ("db", "virtual_host") if name in parts.options]
    if len(given) > 1:
        raise ValueError("names the database twice")
    return given[0] if given else None


def _database(number: str) -> int:
    if not _DATABASE.fullmatch(number):
        raise ValueError("must name the database by number, as in redis://host:6379/6")
    return int(number)

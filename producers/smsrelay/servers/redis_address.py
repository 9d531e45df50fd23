"""RedisAddress: where a Redis is and how to log in, in the words of redis-py and of kombu, which read the same URL differently.

Enters: a URL. Leaves: URLs that each of the two understands to be that server, that database, and that TLS. Raises ``ValueError``
for what cannot be understood or would be understood differently; nothing of the URL is quoted.
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
    """One database of one server: at ``place``, host and port or the path of a socket."""

    place: str
    login: str = field(repr=False)  # as it stands in a URL
    database: int
    tls: Tls | None = None
    socket: bool = False

    @classmethod
    def of(cls, url: str) -> Self:
        """Understand a URL; raises ``ValueError``."""
        parts = ServerUrl.of(url)
        if parts.scheme in SOCKETS:
            return cls(_socket(parts), parts.login, _database(_given(parts) or "0"), socket=True)
        if parts.scheme not in {TCP, SECURE}:
            raise ValueError("must begin with one of redis:// rediss:// unix://")
        secure = parts.scheme == SECURE
        parts.refuse_options(OPTIONS if secure else ())
        place = f"{parts.located_host}:{parts.port or _PORT}"
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
        """The URL for kombu, which is told of TLS by ``kombu_tls`` beside it."""
        if self.socket:
            return f"redis+socket://{self.login}{quote(self.place)}?virtual_host={self.database}"
        return f"{SECURE if self.tls else TCP}://{self.login}{self.place}/{self.database}"

    @property
    def kombu_tls(self) -> dict[str, Any] | None:
        """How kombu secures the connection; None: not at all."""
        return None if self.tls is None else self.tls.for_redis()


def _socket(parts: ServerUrl) -> str:
    if parts.host is not None or not parts.path.strip("/"):
        raise ValueError("names no path of a socket; it is written unix:///run/redis/redis.sock, with three slashes")
    parts.refuse_options(("db", "virtual_host"))
    return unquote(parts.path)


def _given(parts: ServerUrl) -> str | None:
    """The database of a socket's URL, as redis-py or as kombu spells it."""
    spelled = [parts.options[name] for name in ("db", "virtual_host") if name in parts.options]
    if len(spelled) > 1:
        raise ValueError("names the database twice")
    return spelled[0] if spelled else None


def _database(number: str) -> int:
    if not _DATABASE.fullmatch(number):
        raise ValueError("names no database by its number, as in redis://host:6379/6")
    return int(number)

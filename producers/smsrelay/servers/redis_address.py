"""RedisAddress: server, login, database and TLS of a Redis, as redis-py and as kombu expect them.

The two libraries read the same URL differently, so it is parsed once and each gets a URL that means the same to it. Where
sentinels or the nodes of a cluster are to be asked for the primary, the URL says nothing of that: the connections of
``redis_connection`` and ``async_connection`` take ``primary`` and ask each time. Raises ``ValueError`` for a URL that is
invalid or ambiguous; it does not quote the URL.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, unquote, urlencode

from smsrelay.servers.failover import sentinels
from smsrelay.servers.failover.cluster import Cluster
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.sentinels import Sentinels
from smsrelay.servers.tls import OPTIONS, Tls, switched
from smsrelay.servers.url import ServerUrl

TCP, SECURE, SOCKETS = "redis", "rediss", ("unix", "redis+socket")
SENTINEL, CLUSTER = "sentinel", "cluster"
_PORT = 6379
_ASKED_FOR = "primary.invalid:6379"  # resolves nowhere: whoever does not ask must not reach any server
_DATABASE = re.compile(r"\d{1,5}")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One database. ``place`` is host and port, the path of a socket, or ``primary`` written out: who is asked for it."""

    place: str
    login: str = field(repr=False)  # as it appears in a URL
    database: int
    tls: Tls | None = None
    socket: bool = False
    primary: Sentinels | Cluster | None = None

    @classmethod
    def of(cls, url: str, prefix: str = "") -> Self:
        """Parse a URL; raises ``ValueError``. ``prefix``: what the keys begin with, by which a cluster finds their node."""
        if url.startswith((f"{SENTINEL}://", f"{CLUSTER}://")):
            return cls._asked_for(url, prefix)
        parts = ServerUrl.of(url)
        if parts.scheme in SOCKETS:
            return cls(_socket(parts), parts.login, _database(_socket_database(parts) or "0"), socket=True)
        if parts.scheme not in {TCP, SECURE}:
            raise ValueError("must begin with one of redis:// rediss:// unix:// sentinel:// cluster://")
        secure = parts.scheme == SECURE
        parts.refuse_options(OPTIONS if secure else ())
        place = f"{parts.host_in_url}:{parts.port or _PORT}"
        return cls(place, parts.login, _database(parts.path.strip("/") or "0"), Tls.of(parts.options) if secure else None)

    @classmethod
    def _asked_for(cls, url: str, prefix: str) -> Self:
        """A primary that sentinels or nodes are asked for."""
        hosts = ServerUrl.of_each(url)
        first = hosts[0]
        tls, database = _tls(first), _database(first.path.strip("/") or "0")
        if first.scheme == SENTINEL:
            asked = Sentinels.of(hosts, tls)
            return cls(f"{asked.master} of {_written(asked.servers)}", first.login, database, tls, primary=asked)
        if database != 0:
            raise ValueError("names a database; a cluster has number 0 alone")
        nodes = Cluster.of(hosts, tls, prefix)
        return cls(_written(nodes.servers), first.login, database, tls, primary=nodes)

    @property
    def redis_url(self) -> str:
        """The URL for redis-py; without a server if that is to be asked for (``connection_options``)."""
        if self.socket:
            return f"unix://{self.login}{quote(self.place)}?db={self.database}"
        if self.tls is None:
            return f"{TCP}://{self.login}{self._server}/{self.database}"
        return f"{SECURE}://{self.login}{self._server}/{self.database}?{urlencode(self.tls.for_redis())}"

    @property
    def kombu_url(self) -> str:
        """The URL for kombu; TLS is passed separately, as ``kombu_tls``, and so is ``primary``."""
        if self.socket:
            return f"redis+socket://{self.login}{quote(self.place)}?virtual_host={self.database}"
        if self.primary is not None:
            return f"{SENTINEL}://{self.login}{self.primary.servers[0]}/{self.database}"
        return f"{SECURE if self.tls else TCP}://{self.login}{self.place}/{self.database}"

    @property
    def kombu_tls(self) -> dict[str, Any] | None:
        """TLS options for kombu; ``None``: no TLS."""
        return None if self.tls is None else self.tls.for_redis()

    def same_servers(self, other: "RedisAddress") -> bool:
        """Whether both lead to the same servers, in whatever databases. Two names of one host count as two hosts."""
        if isinstance(self.primary, Sentinels) and isinstance(other.primary, Sentinels):
            return self.primary.same_primary(other.primary)
        return (self.place, self.socket) == (other.place, other.socket)

    @property
    def _server(self) -> str:
        return self.place if self.primary is None else _ASKED_FOR


def _written(servers: Collection[Place]) -> str:
    return ",".join(map(str, sorted(servers)))


def _tls(parts: ServerUrl) -> Tls | None:
    """TLS where several hosts are named, which is an option there."""
    own = ("tls", *(sentinels.OPTIONS if parts.scheme == SENTINEL else ()))
    parts.refuse_options((*own, *OPTIONS))
    if not switched(parts.options, "tls", default=False):
        if set(OPTIONS) & set(parts.options):
            raise ValueError("has an option of TLS, which needs tls=true")
        return None
    return Tls.of(parts.options)


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

"""A primary, two replicas and three sentinels on this machine.

Takes a folder and what is special about the servers. Gives a ``SentinelGroup``, complete and in agreement, whose primary can be
killed or frozen; a failover takes one to three seconds. Everything ends with the context.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from smsrelay_worker.local.stack import free_port
from tests.support.redis_node import DURABLE, VALKEY, RedisNode
from tests.support.waiting import eventually

MASTER = "relay"
_DOWN_AFTER = 1000  # ms
_FAILOVER = 30.0  # seconds, on a busy machine


@dataclass(frozen=True, slots=True)
class Special:
    """What is special about the servers of a group."""

    host: str = "127.0.0.1"
    binary: str = VALKEY
    server: Sequence[str] = ()  # lines of every server's configuration
    sentinel: Sequence[str] = ()  # and of every sentinel's
    arguments: Sequence[str] = ()  # of every sentinel's command
    login: dict[str, Any] = field(default_factory=dict)  # of a client of the servers
    sentinel_login: dict[str, Any] = field(default_factory=dict)
    tls: Sequence[str] = ()  # lines, with which all listen by TLS alone


class SentinelGroup:
    """``servers``: a primary and its replicas, in changing roles."""

    def __init__(self, servers: list[RedisNode], sentinels: list[RedisNode], host: str) -> None:
        self.servers, self.sentinels = servers, sentinels
        self._bare_host = host
        self._host = f"[{host}]" if ":" in host else host
        self._down: list[RedisNode] = []

    def url(self, database: int = 0, user: str = "", password: str = "", **options: str) -> str:
        """The URL of the group as a setting names it."""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else ""
        hosts = ",".join(f"{self._host}:{sentinel.port}" for sentinel in self.sentinels)
        more = "".join(f"&{name}={quote(value, safe='')}" for name, value in options.items())
        return f"sentinel://{login}{hosts}/{database}?master={MASTER}{more}"

    @property
    def primary(self) -> RedisNode:
        """The server that is the primary, according to most of the sentinels that answer, and to itself."""
        return eventually(self._agreed, "sentinels and servers agree on a primary", _FAILOVER)  # type: ignore[no-any-return]

    def kill_primary(self) -> RedisNode:
        """Kill -9 the primary; returns it."""
        return self._take_down("kill")

    def freeze_primary(self) -> RedisNode:
        """SIGSTOP the primary; returns it."""
        return self._take_down("freeze")

    def await_failover(self) -> RedisNode:
        """Wait until another server is the primary; returns it."""
        return self.primary

    def restore(self) -> None:
        """Start and thaw what is down, and wait until all three servers are in order."""
        for node in self._down:
            node.thaw()
            if node.ask("PING") is None:
                node.kill()
                node.start()
        primary = self.primary
        for node in self._down:
            eventually(lambda node=node: node.ask("REPLICAOF", self._bare_host, primary.port), "it takes its place", _FAILOVER)
        self._down = []
        eventually(self._is_complete, "primary, replicas and sentinels are complete", _FAILOVER)

    def _take_down(self, how: str) -> RedisNode:
        old = self.primary
        getattr(old, how)()
        self._down.append(old)
        return old

    def _agreed(self) -> RedisNode | None:
        named = [answer[1] for one in self.sentinels if (answer := one.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER))]
        standing = [one for one in self.servers if one not in self._down]
        agreed = [one for one in standing if named.count(str(one.port)) == len(self.sentinels)]
        return agreed[0] if agreed and agreed[0].is_primary else None

    def _is_complete(self) -> bool:
        if (primary := self._agreed()) is None:
            return False
        role = primary.ask("ROLE")
        return len(role[2]) == len(self.servers) - 1 and all(map(_knows_all, self.sentinels))


@contextmanager
def running_sentinels(folder: Path, special: Special | None = None) -> Iterator[SentinelGroup]:
    """Start a group."""
    special = special or Special()
    servers = [_server(special, folder / f"server{number}") for number in range(3)]
    sentinels = [_sentinel(special, folder / f"sentinel{number}") for number in range(3)]
    group = SentinelGroup(servers, sentinels, special.host)
    try:
        for node in servers:
            follows = [] if node is servers[0] else [f"replicaof {special.host} {servers[0].port}"]
            node.start(*_listens(special, node.port), *DURABLE, *special.server, *follows)
        eventually(lambda: servers[0].is_primary, "the primary answers")
        for node in sentinels:
            node.start(*_listens(special, node.port), *_watches(special.host, servers[0].port), *special.sentinel)
        group.restore()
        yield group
    finally:
        for node in (*servers, *sentinels):
            node.kill()


def _server(special: Special, folder: Path) -> RedisNode:
    return RedisNode(folder, free_port(), binary=special.binary, host=special.host, **special.login)


def _sentinel(special: Special, folder: Path) -> RedisNode:
    return RedisNode(folder, free_port(), "--sentinel", binary=special.binary, host=special.host, **special.sentinel_login)


def _listens(special: Special, port: int) -> list[str]:
    ports = ["port 0", f"tls-port {port}", "tls-replication yes", *special.tls] if special.tls else [f"port {port}"]
    return [f"bind {special.host}", *ports]


def _watches(host: str, port: int) -> list[str]:
    return [
        f"sentinel monitor {MASTER} {host} {port} 2",
        f"sentinel down-after-milliseconds {MASTER} {_DOWN_AFTER}",
        f"sentinel failover-timeout {MASTER} 5000",
    ]


def _knows_all(sentinel: RedisNode) -> bool:
    told = sentinel.ask("SENTINEL", "MASTER", MASTER)
    if told is None:
        return False
    state = told if isinstance(told, dict) else dict(zip(told[::2], told[1::2], strict=True))
    complete = int(state["num-slaves"]) == int(state["num-other-sentinels"]) == 2
    return complete and state["flags"] == "master" and sentinel.ask("SENTINEL", "CKQUORUM", MASTER) is not None

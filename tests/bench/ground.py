"""Ground: what a single measurement runs on, a fresh Valkey and the vendor, the same for the relay and the baseline.

Takes conditions; yields a ``Ground``. When the context ends, every process is stopped and the folder removed; after a failure the
folder is kept and named in the error.
"""

import contextlib
import http.client
import itertools
import json
import shutil
import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from smsrelay_worker.local.stack import free_port
from tests.bench.processes import Process, Processes, clean_environment, python

LATENCY = 0.05  # seconds, of the vendor


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for every measurement of a run."""

    quick: bool
    runs: int
    fsync: str  # always or everysec: when Valkey syncs its append-only file


@dataclass(frozen=True, slots=True)
class Vendor:
    """The simulated vendor, as the benchmark sees it."""

    process: Process
    port: int

    def arrivals(self) -> list[tuple[int, int]]:
        """Every submit in order: CLOCK_MONOTONIC in ns, and the digits of the number."""
        pairs = array("q", self._get("/arrivals"))
        return list(zip(pairs[::2], pairs[1::2], strict=True))

    def instants(self) -> list[int]:
        """When each submit arrived (ns)."""
        return [at for at, _ in self.arrivals()]

    def arrived(self) -> int:
        """How many submits have arrived."""
        return int(json.loads(self._get("/stats"))["arrived"])

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read()


@dataclass(frozen=True, slots=True)
class Ground:
    """A store, a vendor, and the processes started beside them."""

    folder: Path
    processes: Processes
    redis: Any
    redis_port: int
    vendor: Vendor
    numbered: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def redis_url(self) -> str:
        return self.url(self.redis_port)

    @staticmethod
    def url(port: int) -> str:
        return f"redis://127.0.0.1:{port}/0"

    def name(self, what: str) -> str:
        """A unique name for a process and its log."""
        return f"{what}-{next(self.numbered)}"


@contextlib.contextmanager
def a_ground(conditions: Conditions, latency: float = LATENCY, replicas: int = 0) -> Iterator[Ground]:
    """A ground for a single measurement; ``replicas``: how many follow the Valkey, on the same machine."""
    folder = Path(tempfile.mkdtemp(prefix="smsrelay-bench-"))
    try:
        with Processes(folder) as processes:
            redis, port = _valkey(processes, conditions, "valkey")
            with contextlib.closing(redis):
                _follow(processes, conditions, redis, replicas)
                yield Ground(folder, processes, redis, port, _vendor(processes, latency))
    except BaseException as failure:
        failure.add_note(f"logs: {folder}")
        raise
    shutil.rmtree(folder)


def _follow(processes: Processes, conditions: Conditions, primary: "Redis", replicas: int) -> None:
    """Start replicas, and wait until they are in step."""
    primary.config_set("repl-diskless-sync-delay", 0)
    for number in range(replicas):
        replica, _ = _valkey(processes, conditions, f"replica-{number}")
        with contextlib.closing(replica):
            replica.replicaof("127.0.0.1", primary.connection_pool.connection_kwargs["port"])
    primary.set("in step", 1)
    while replicas and primary.wait(replicas, 1000) < replicas:
        pass
    primary.delete("in step")


def _valkey(processes: Processes, conditions: Conditions, name: str) -> tuple["Redis", int]:
    """The product's own embedded server, with its own settings except when it syncs."""
    port = free_port()
    process = processes.start(
        name,
        python("-m", "smsrelay_worker.local.embedded_valkey", str(port), str(processes.folder / name)),
        clean_environment(),
    )
    redis = Redis(port=port, decode_responses=True)

    def answers() -> bool:
        try:
            return bool(redis.ping())
        except RedisConnectionError:
            return False

    processes.wait(process, answers, "it answers")
    redis.config_set("appendfsync", conditions.fsync)
    return redis, port


def _vendor(processes: Processes, latency: float) -> Vendor:
    port = free_port()
    process = processes.start("vendor", python("-m", "tests.bench.vendor", str(port), str(latency)), clean_environment())
    vendor = Vendor(process, port)

    def answers() -> bool:
        try:
            return vendor.arrived() == 0
        except ConnectionError:
            return False

    processes.wait(process, answers, "it answers")
    return vendor

"""A real Valkey server with two replicas, each a process of its own that a test can freeze.

Takes a folder; gives a ``Replicated`` once both replicas follow, and kills the servers on leaving the context. Every server syncs
each write to its append-only file before it answers, or acknowledges.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from smsrelay.servers.store_address import StoreAddress
from smsrelay_worker.local.stack import free_port
from tests.support.waiting import eventually

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Server:
    """One of the servers."""

    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> "Redis":
        return Redis(port=self.port, decode_responses=True)

    def freeze(self) -> None:
        """Stop the process; what it was sent meanwhile it reads when it is thawed."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Replicated:
    """The primary and its replicas."""

    primary: Server
    replicas: tuple[Server, ...]

    def address(self, replicas: int = 1, wait: float = 10.0) -> StoreAddress:
        """The store where so many replicas must have a write, within ``wait`` seconds; a short wait is for one that ends so."""
        return StoreAddress(self.primary.url, replicas=replicas, replica_wait=wait)

    def freeze(self, count: int = 2) -> None:
        """Freeze some of the replicas."""
        for replica in self.replicas[:count]:
            replica.freeze()

    def thaw(self) -> None:
        """Thaw every replica."""
        for replica in self.replicas:
            replica.thaw()

    def wait_in_step(self) -> None:
        """Wait until every replica has all that was written."""
        with self.primary.client() as client:
            client.set("in step?", 1)
            eventually(lambda: client.wait(len(self.replicas), 100) == len(self.replicas), "the replicas have caught up")

    def empty(self) -> None:
        """As at the start: every replica follows, and no database has anything."""
        self.thaw()
        with self.primary.client() as client:
            client.flushall()
        self.wait_in_step()
        with self.primary.client() as client:
            client.flushall()


@contextmanager
def replicated_valkey(folder: Path, replicas: int = 2) -> Iterator[Replicated]:
    """Run them on free ports."""
    with ExitStack() as running:
        primary, *others = [running.enter_context(running_server(folder / str(number))) for number in range(replicas + 1)]
        replicated = Replicated(primary, tuple(others))
        with primary.client() as client:
            client.config_set("repl-diskless-sync-delay", "0")
            client.config_set("repl-timeout", "600")  # a frozen replica is still one
        for server in others:
            with server.client() as client:
                client.replicaof("127.0.0.1", str(primary.port))
        replicated.wait_in_step()
        yield replicated


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """One server on a free port that follows nobody yet."""
    port = free_port()
    command = [sys.executable, "-m", "smsrelay_worker.local.embedded_valkey", str(port), str(folder)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL) as process:
        server = Server(port, process)
        try:
            eventually(lambda: _answers(server), "the server answers")
            yield server
        finally:
            process.kill()


def _answers(server: Server) -> bool:
    try:
        with server.client() as client:
            return bool(client.ping())
    except RedisConnectionError:
        if server.process.poll() is not None:
            raise
        return False

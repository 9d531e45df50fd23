"""RedisNode: one server of a group (a primary, a replica, a sentinel, a node of a cluster) as a process on a port of its own.

Takes the binary, a folder and the lines of its configuration. It can be killed, frozen, thawed and started again.
"""

import contextlib
import signal
import subprocess
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from smsrelay_worker.local.embedded_valkey import command

VALKEY = command(0, Path())[0]
DURABLE = ("appendonly yes", "appendfsync always", 'save ""', "maxmemory-policy noeviction", "repl-diskless-sync-delay 0")


class RedisNode:
    """``login``: what a client of ours needs to connect, such as user, password and TLS."""

    def __init__(self, folder: Path, port: int, *arguments: str, binary: str = VALKEY, **login: Any) -> None:
        self.folder, self.port = folder, port
        self._command = [binary, str(folder / "redis.conf"), *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._login = login

    def start(self, *lines: str) -> None:
        """Start it with this configuration, or, when there is one already, with what it has written of it itself."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "redis.conf"
        if lines:
            log = f"logfile {self.folder / 'redis.log'}"
            config.write_text("\n".join([*lines, f"dir {self.folder}", log, ""]), encoding="utf-8")
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def client(self, **options: Any) -> Redis:
        """A client of this server alone."""
        where = {"host": "localhost", "port": self.port, "decode_responses": True, "socket_timeout": 2}
        return Redis(**(where | self._login | options))

    def ask(self, *question: str | int) -> Any:
        """Its answer; None while it gives none."""
        try:
            with self.client() as client:
                return client.execute_command(*question)
        except (RedisError, OSError):
            return None

    @property
    def is_primary(self) -> bool:
        """Whether it answers, and takes itself for a primary."""
        role = self.ask("ROLE")
        return bool(role) and role[0] == "master"

    def kill(self) -> None:
        """Kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It stays silent from now on."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._process is not None:
                self._process.send_signal(number)

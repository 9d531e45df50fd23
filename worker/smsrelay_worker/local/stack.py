"""Stack: processes on one machine under supervisord, started in order, restarted when they exit, and stopped in reverse order.

In reverse, so that workers can still record what they did before the store stops. Logs are in the data folder. No process
outlives ``stop``, nor for long a starter that was killed before it could call it (``supervisord.py``).
"""

import contextlib
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

_READY = 60.0  # seconds that a part may take to start on a slow machine
_LEEWAY = 30.0  # seconds that supervisord may take to stop, in addition to its parts
_POLL = 0.1
_PORTS = range(10_000, 32_000)


class StackFailed(RuntimeError):
    """A part of the stack did not start; the text names it and its log."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process. It is ready when ``ready_path`` answers 200 or, without one, ``port`` is open."""

    name: str
    command: tuple[str, ...]
    stop_within: int = 10  # seconds that it may take to stop
    port: int | None = None
    ready_path: str | None = None

    @property
    def url(self) -> str:
        """Its URL on this machine."""
        return f"http://127.0.0.1:{self.port}"


class Stack:
    """``parts`` in start order; ``data``: folder for configuration and logs."""

    def __init__(self, parts: tuple[Part, ...], data: Path, environment: Mapping[str, str]) -> None:
        self._parts = parts
        self._data = data
        self._environment = environment
        self._supervisor: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def running(self, stopping: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Start the stack, and stop it when the context ends; ``stopping`` as for ``start``. Raises ``StackFailed``."""
        try:
            self.start(stopping)
            yield
        finally:
            self.stop()

    def start(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Start every part and wait until all are ready, or until ``stopping`` says that they are not wanted any more.

        Raises ``StackFailed`` if one is not in time, its port is in use, or two have the same port.
        """
        users: dict[int, str] = {}
        for part in self._parts:
            if part.port is None:
                continue
            if (other := users.setdefault(part.port, part.name)) != part.name:
                raise StackFailed(f"{part.name}: port {part.port} is that of {other}")
            if _is_open(part.port):
                raise StackFailed(f"{part.name}: port {part.port} is in use, perhaps by a stack that is still stopping")
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = self._data / "supervisord.conf"
        config.write_text(self._config(), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "smsrelay_worker.local.supervisord", "--nodaemon", "--configuration", str(config)]
        # In a session of its own, so that Ctrl-C reaches only us and we stop the parts in order.
        self._supervisor = subprocess.Popen(  # noqa: S603
            command,
            env=dict(self._environment),
            stdin=subprocess.PIPE,  # closes when we exit
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for part in self._parts:
            self._wait(part, stopping)

    def stop(self) -> None:
        """Stop every part, the last one started first. Raises ``StackFailed`` if they do not stop in time."""
        if self._supervisor is None:
            return
        self._supervisor.send_signal(signal.SIGTERM)
        try:
            self._supervisor.wait(sum(part.stop_within for part in self._parts) + _LEEWAY)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            raise StackFailed("the stack did not stop in time") from None
        finally:
            if self._supervisor.stdin is not None:
                self._supervisor.stdin.close()
            self._supervisor = None

    def ended(self) -> bool:
        """Whether supervisord itself has exited."""
        return self._supervisor is None or self._supervisor.poll() is not None

    def _wait(self, part: Part, stopping: Callable[[], bool]) -> None:
        ready = _readiness(part)
        until = time.monotonic() + _READY
        while not stopping() and not ready():
            if self.ended() or time.monotonic() > until:
                raise StackFailed(f"{part.name} did not start; see {self._data / (part.name + '.log')}")
            time.sleep(_POLL)

    def _config(self) -> str:
        sections = [
            "[supervisord]",
            f"logfile={_escaped(self._data / 'supervisor.log')}",
            f"pidfile={_escaped(self._data / 'supervisor.pid')}",
            "silent=true",
            "umask=077",  # logs and data are for the owner alone
        ]
        for place, part in enumerate(self._parts):
            sections += [
                f"[program:{part.name}]",
                "command=" + " ".join(_quoted(word) for word in part.command),
                f"priority={place}",
                "autorestart=true",
                "startsecs=1",
                "startretries=1000000",
                f"stopwaitsecs={part.stop_within}",
                "redirect_stderr=true",
                f"stdout_logfile={_escaped(self._data / (part.name + '.log'))}",
            ]
        return "\n".join(sections) + "\n"


def _readiness(part: Part) -> Callable[[], bool]:
    if part.port is None:
        return lambda: True
    if part.ready_path is None:
        return lambda: _is_open(part.port or 0)
    session = requests.Session()
    session.trust_env = False  # no proxy between us and our own parts

    def answers() -> bool:
        try:
            return session.get(part.url + (part.ready_path or ""), timeout=2).status_code == 200
        except requests.RequestException:
            return False

    return answers


def free_port() -> int:
    """A port that is free at this moment, below those that the kernel assigns to outgoing connections."""
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # in use
        return port


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _escaped(path: Path) -> str:
    return str(path.resolve()).replace("%", "%%")


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'

"""Stack: the whole relay as processes of one machine, under supervisor: started in order, restarted when they end, stopped in
reverse, so that workers can still write down what they did before the store goes.

Enters: a ``Plan`` and an environment. Leaves: running processes, logs in the data folder. Raises ``StackFailed`` when a part
is not ready in time or its port is taken. Nothing of it outlives ``stop``, nor for long a process that is killed before it could
call that (``desk.tether``).
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

_READY = 60.0  # seconds a part may take to come up on a slow machine
_LEEWAY = 30.0  # seconds the supervisor may take to stop, beyond what its parts may
_POLL = 0.1
_PORTS = range(10_000, 32_000)


class StackFailed(RuntimeError):
    """A part of the stack did not come up; the text names it and its log."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process: its name, command, how long it may take to stop (seconds), and the URL or port that says it is ready."""

    name: str
    command: tuple[str, ...]
    stop_within: int = 10
    port: int | None = None
    ready_path: str | None = None

    @property
    def url(self) -> str:
        """Where it can be reached."""
        return f"http://127.0.0.1:{self.port}"


class Stack:
    """Parts in the order of their start."""

    def __init__(self, parts: tuple[Part, ...], data: Path, environment: Mapping[str, str]) -> None:
        self._parts = parts
        self._data = data
        self._environment = environment
        self._supervisor: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The stack, up while the context lasts."""
        try:
            self.start()
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start every part and wait until each says it is ready; raises ``StackFailed``."""
        for part in self._parts:
            if part.port is not None and _taken(part.port):
                raise StackFailed(f"{part.name}: port {part.port} is taken by another program, or by a stack that still stops")
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = self._data / "supervisord.conf"
        config.write_text(self._config(), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "smsrelay_worker.desk.tether", "--nodaemon", "--configuration", str(config)]
        # A session of its own: Ctrl-C reaches us alone, and we stop the parts in order.
        self._supervisor = subprocess.Popen(  # noqa: S603
            command,
            env=dict(self._environment),
            stdin=subprocess.PIPE,  # closes with us
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for part in self._parts:
            self._wait(part)

    def stop(self) -> None:
        """Stop every part, last started first."""
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
        """Whether the supervisor itself is gone."""
        return self._supervisor is None or self._supervisor.poll() is not None

    def _wait(self, part: Part) -> None:
        ready = _readiness(part)
        until = time.monotonic() + _READY
        while not ready():
            if self.ended() or time.monotonic() > until:
                raise StackFailed(f"{part.name} did not come up; see {self._data / (part.name + '.log')}")
            time.sleep(_POLL)

    def _config(self) -> str:
        sections = [
            "[supervisord]",
            f"logfile={_escaped(self._data / 'supervisor.log')}",
            f"pidfile={_escaped(self._data / 'supervisor.pid')}",
            "silent=true",
            "umask=077",  # the logs and the data of the parts are nobody else's
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
        return lambda: _taken(part.port or 0)
    session = requests.Session()
    session.trust_env = False  # no proxy of the environment between us and our own parts

    def answers() -> bool:
        try:
            return session.get(part.url + (part.ready_path or ""), timeout=2).status_code == 200
        except requests.RequestException:
            return False

    return answers


def free_port() -> int:
    """A port nobody listens on at this moment, below those that the kernel lends to outgoing connections."""
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # somebody listens there
        return port


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _escaped(path: Path) -> str:
    return str(path.resolve()).replace("%", "%%")


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'

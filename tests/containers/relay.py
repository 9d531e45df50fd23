"""The project's own docker-compose.yml, run by Compose from a copy of the checkout, and what an operator does with it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.containers.engine import Engine
from tests.support.pages import ROOT
from tests.support.waiting import eventually

_COPIED = ("docker-compose.yml", "Dockerfile", ".dockerignore", "deploy")
_IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info")
PARTS = ("redis", "receiver", "worker", "api", "console", "flower", "simulator")

Ran = subprocess.CompletedProcess[str]


class Relay:
    """One Compose project. ``folder`` is its copy of the checkout; ``settings`` are the lines of its .env."""

    def __init__(self, engine: Engine, folder: Path, settings: Mapping[str, str]) -> None:
        self.engine = engine
        self._read: Mapping[str, str] = {}  # the settings that its containers started with
        self._variables: Mapping[str, str] = {}
        self.folder = folder
        folder.mkdir()
        sent = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
        for name in (*_COPIED, *sent):
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=_IGNORED)
            else:
                shutil.copy(source, folder / name)
        self.write(settings)

    def write(self, settings: Mapping[str, str]) -> None:
        """Write its .env."""
        self.settings = dict(settings)
        (self.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "utf-8")

    @contextmanager
    def variables(self, **values: str) -> Iterator[None]:
        """Give Compose variables beside .env: only what they change is recreated, not every service that reads .env."""
        self._variables = values
        try:
            yield
        finally:
            self._variables = {}

    def compose(self, *words: str, check: bool = True, timeout: float = 240, stdin: str | None = None) -> Ran:
        """Run ``docker compose``; with ``check``, fail with what it said."""
        ran = subprocess.run(
            ["docker", "compose", "--ansi", "never", *words],
            cwd=self.folder,
            env={**self.engine.environment, **self._variables},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or ran.returncode == 0, f"docker compose {' '.join(words)}: {ran.stdout}{ran.stderr}{self.logs()}"
        return ran

    def up(self, *words: str) -> None:
        """Everything started, and healthy."""
        self.compose("up", "--detach", "--wait", *words)
        self._read = self.settings

    def logs(self, *services: str) -> str:
        """The last lines of each service's log."""
        return self.compose("logs", "--no-color", "--tail", "40", *services, check=False).stdout[-8000:]

    def ask(self, service: str, *command: str, check: bool = True, stdin: str | None = None) -> Ran:
        """Run a command in a service's first container."""
        interactive = [] if stdin is None else ["--interactive"]
        return self.engine.docker("exec", *interactive, _first(service), *command, check=check, stdin=stdin)

    def containers(self, *services: str) -> list[str]:
        """Ids of the services' containers, stopped ones included."""
        return self.compose("ps", "--all", "--quiet", *services).stdout.split()

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of the service's first container."""
        return dict(json.loads(self.engine.docker("inspect", _first(service)).stdout)[0])

    def processes(self, service: str) -> dict[int, str]:
        """Name of each process of the service's first container, by its number on the engine's host."""
        lines = self.engine.docker("top", _first(service), "-eo", "pid,comm").stdout.splitlines()[1:]
        return {int(pid): name for pid, name in (line.split(maxsplit=1) for line in lines)}

    def signal(self, name: str, service: str, process: str) -> int:
        """Send a signal to the one process of this name; its number."""
        [number] = [pid for pid, called in self.processes(service).items() if called.startswith(process)]
        assert self.engine.namespaces.run("kill", f"-{name}", str(number)).returncode == 0
        return number

    def healthy(self) -> bool:
        """Whether every part of the demo runs, with the settings of .env, and is healthy."""
        if self.settings != self._read:
            return False
        lines = self.compose("ps", "--format", "json").stdout.splitlines()
        found = {one["Service"]: one["Health"] for one in map(json.loads, lines)}
        return {part: found.get(part) for part in PARTS} == dict.fromkeys(PARTS, "healthy")

    def send(self, to: str, lane: str = "otp") -> str:
        """Enqueue one message in the worker's container; its id."""
        words = ("smsrelay", "send", "--to", to, "--template", "0000000", "--lane", lane, "--param", "1234")
        return self.ask("worker", *words).stdout.strip()

    def message(self, message: str) -> dict[str, Any]:
        """What ``smsrelay show`` says of it."""
        shown = self.ask("worker", "smsrelay", "show", message, "--json", check=False)
        return dict(json.loads(shown.stdout)) if shown.returncode == 0 else {"state": None}

    def until(self, message: str, state: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until a message is in a state; what ``smsrelay show`` says then."""
        found: list[dict[str, Any]] = []

        def reached() -> bool:
            found.append(self.message(message))
            return found[-1]["state"] == state

        try:
            eventually(reached, f"{message} is {state}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {found[-1]}\n{self.logs()}") from None
        return found[-1]

    def vendor(self, method: str, path: str, body: object = None) -> Any:
        """Call the simulator's control interface, from within its container."""
        text = json.dumps(body)
        code = (
            "import http.client as h, sys; c = h.HTTPConnection('127.0.0.1', 9100, timeout=30);"
            f" c.request({method!r}, '/control{path}', sys.argv[1], {{'content-type': 'application/json'}});"
            " a = c.getresponse(); print(a.read().decode() or 'null'); sys.exit(a.status >= 300)"
        )
        return json.loads(self.ask("simulator", "python", "-c", code, text).stdout)

    def get(self, port: int, path: str, headers: Sequence[tuple[str, str]] = ()) -> int:
        """Status of a GET from the engine's host to a port of its own; 0: no answer."""
        code = (
            "import http.client as h, sys, json\n"
            "c = h.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=10)\n"
            "c.request('GET', sys.argv[2], headers=dict(json.loads(sys.argv[3])))\n"
            "print(c.getresponse().status)"
        )
        ran = self.engine.namespaces.run(sys.executable, "-c", code, str(port), path, json.dumps(list(headers)))
        return int(ran.stdout) if ran.returncode == 0 else 0


def _first(service: str) -> str:
    return f"smsrelay-{service}-1"

"""Services of docker-compose.yml as processes of this machine, because no container engine runs where the tests run.

Takes services and a folder; runs each service's own command and healthcheck in its own environment. Only what a container would
provide is translated: service names and addresses become 127.0.0.1, ports free ones, volumes folders. Nothing of the tests'
environment gets in. Whatever still runs at the end is killed.
"""

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from smsrelay_worker.local.embedded_valkey import command as embedded
from smsrelay_worker.local.stack import free_port
from tests.support import compose_redis_cli
from tests.support.compose_file import Service
from tests.support.compose_image import IMAGE, stages

_PORTS = (6379, 8025, 8080, 5555, 9100)
_UP = 60.0  # seconds a service may take on a slow machine


@dataclass(frozen=True, slots=True)
class Place:
    """Where the services stand: a folder, and a free port for each port of a container."""

    folder: Path
    ports: Mapping[int, int]
    names: frozenset[str]

    @classmethod
    def found(cls, folder: Path, names: Mapping[str, Service]) -> Self:
        """A place on free ports, with the programs of the images that no package brings."""
        place = cls(folder, {port: free_port() for port in _PORTS}, frozenset(names))
        place.programs.mkdir(parents=True)
        (place.programs / "redis-server").symlink_to(embedded(0, folder)[0])
        client = place.programs / "redis-cli"
        client.write_text(
            f'#!/bin/sh\nexec {shlex.join([sys.executable, str(compose_redis_cli.__file__)])} "$@"\n', encoding="utf-8"
        )
        client.chmod(0o755)
        return place

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    def url(self, port: int) -> str:
        return f"http://127.0.0.1:{self.ports[port]}"

    def put(self, text: str) -> str:
        """A text of the file in terms of this machine."""
        text = re.sub(rf"\b(?:{'|'.join(self.names)})(?=:\d)", "127.0.0.1", text).replace("0.0.0.0", "127.0.0.1")
        return re.sub(rf"\b(?:{'|'.join(map(str, self.ports))})\b", lambda port: str(self.ports[int(port[0])]), text)


class Local:
    """One service as a process, with a working folder and a /tmp of its own."""

    def __init__(self, service: Service, place: Place) -> None:
        self.service = service
        self._place = place
        self._folder = place.folder / service.name
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("workdir", "tmp", *(volume.strip("/") for volume in service.volumes)):
            (self._folder / name).mkdir(parents=True)

    @property
    def workdir(self) -> Path:
        return self._folder / "workdir"

    def volume(self, path: str) -> Path:
        """The folder that stands for a volume."""
        return self._folder / path.strip("/")

    @property
    def environment(self) -> dict[str, str]:
        """What its container would have: the runtime's variables, the image's, the service's."""
        image = stages()[IMAGE].environment if self.service.is_ours else {}
        ours = {name: self._place.put(value) for name, value in {**image, **self.service.environment}.items()}
        tmp = str(self._folder / "tmp")
        path = f"{self._place.programs}:{Path(sys.executable).parent}:/usr/bin:/bin"
        return ours | {"PATH": path, "HOME": tmp, "TMPDIR": tmp, "LANG": "C.UTF-8", "HOSTNAME": socket.gethostname()}

    def start(self) -> None:
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._words(self.service.command), cwd=self.workdir, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def until_healthy(self) -> None:
        """Wait for its healthcheck; raises ``AssertionError`` with the log when it ends, or is not healthy in time."""
        deadline = time.monotonic() + _UP
        while not self.healthy():
            assert self._process is not None
            assert self._process.poll() is None, f"{self.service.name} ended: {self.log()}"
            assert time.monotonic() < deadline, f"{self.service.name} is not healthy: {self.log()}"

    def healthy(self) -> bool:
        """What its healthcheck says now."""
        try:
            return self.run(*self.service.healthcheck, timeout=self.service.healthcheck_timeout).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def run(self, *words: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """As ``docker compose exec`` does."""
        command = self._words(list(words))
        return subprocess.run(
            command, cwd=self.workdir, env=self.environment, timeout=timeout, capture_output=True, text=True, check=False
        )

    def stop(self) -> int:
        """Send its stop signal; the exit code. Raises ``subprocess.TimeoutExpired`` when the grace period is over."""
        assert self._process is not None
        self._process.send_signal(signal.Signals[self.service.spec["stop_signal"]])
        return self._process.wait(self.service.grace)

    def kill(self) -> None:
        """End it, however it is."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def _words(self, words: list[str]) -> list[str]:
        put = [self._place.put(str(self.volume(word)) if word in self.service.volumes else word) for word in words]
        program = shutil.which(put[0], path=self.environment["PATH"])
        assert program is not None, f"no program {put[0]}"
        return [program, *put[1:]]


@contextmanager
def running(services: Mapping[str, Service], place: Place) -> Iterator[dict[str, Local]]:
    """Every service healthy, each started once those it depends on are, as Compose does."""
    started: dict[str, Local] = {}
    healthy: set[str] = set()

    def wait_for(names: Iterable[str]) -> None:
        for name in names:
            if name not in healthy:
                started[name].until_healthy()
                healthy.add(name)

    try:
        for name, service in services.items():
            wait_for(service.spec.get("depends_on", {}))
            started[name] = Local(service, place)
            started[name].start()
        wait_for(started)
        yield started
    finally:
        for local in reversed(started.values()):
            local.kill()

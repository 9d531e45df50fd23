"""A Docker engine of the tests' own: dockerd from the distribution, in namespaces of its own.

Its network has no route anywhere and touches no port or firewall rule of the host, and all its processes end with the
namespaces, whatever happens to the tests. Needs root. Raises ``NamespacesMissing`` where namespaces cannot be had.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.waiting import eventually

_KINDS = ("--mount", "--net", "--pid", "--ipc", "--uts")
_UP = 240.0  # seconds that the engine may take to start or stop, a worker's grace of 110 among them


class NamespacesMissing(Exception):
    """This machine does not let the tests make namespaces; the text says why."""


class Namespaces:
    """Namespaces that live as long as this value is open; process 1 in them reaps what others leave."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", *_KINDS, "--propagation", "private"),
                *("--fork", "--kill-child", "--mount-proc", "docker-init", "--", "sleep", "infinity"),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        self._first = eventually(self._first_process, "the namespaces", seconds=20)
        self.run("ip", "link", "set", "lo", "up")

    def command(self, *words: str) -> list[str]:
        """The command line that runs ``words`` inside."""
        return ["nsenter", "--target", str(self._first), *_KINDS, "--wd=/", *words]

    def run(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command inside, whatever its exit code."""
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=timeout, check=False)

    def close(self) -> None:
        """End every process inside."""
        self._process.kill()
        self._process.communicate()

    def _first_process(self) -> int | None:
        if self._process.poll() is not None:
            raise NamespacesMissing(self._process.communicate()[1].strip())
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text("ascii").split()
        started = children and "docker-init" in Path(f"/proc/{children[0]}/cmdline").read_text("utf-8")
        return int(children[0]) if started else None


class Engine:
    """One dockerd. ``folder`` holds everything it writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.namespaces = Namespaces()
        self._daemon: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.namespaces.close()
            raise

    @property
    def environment(self) -> Mapping[str, str]:
        """What the docker command needs to find this engine, and its plugins below ``folder``."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        return kept | {"DOCKER_HOST": f"unix://{self._folder}/docker.sock", "DOCKER_CONFIG": str(self._folder / "docker")}

    def start(self) -> None:
        """Start the daemon, and wait until it answers."""
        with (self._folder / "dockerd.log").open("ab") as log:
            daemon = subprocess.Popen(
                self.namespaces.command(
                    "dockerd",
                    *("--data-root", f"{self._folder}/data", "--exec-root", f"{self._folder}/run"),
                    *("--pidfile", f"{self._folder}/docker.pid", "--host", f"unix://{self._folder}/docker.sock"),
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._daemon = daemon

        def answers() -> bool:
            assert daemon.poll() is None, (self._folder / "dockerd.log").read_text("utf-8", "replace")[-2000:]
            return self.docker("version", check=False).returncode == 0

        eventually(answers, "dockerd answers", seconds=_UP)

    def stop(self) -> None:
        """Stop the daemon as the system does at a shutdown: it stops its containers first."""
        self._end("TERM")

    def revive(self) -> None:
        """Start the daemon anew if it does not answer."""
        if self.docker("version", check=False).returncode != 0:
            self._end("KILL")
            self.start()

    def docker(
        self, *words: str, check: bool = True, timeout: float = 120, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the docker command; with ``check``, fail with what it said."""
        ran = subprocess.run(
            ["docker", *words],
            env=dict(self.environment),
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or ran.returncode == 0, f"docker {' '.join(words)}: {ran.stdout}{ran.stderr}"
        return ran

    def _end(self, signal: str) -> None:
        assert self._daemon is not None
        file = self._folder / "docker.pid"  # it removes this file when it ends
        if file.exists():
            self.namespaces.run("kill", f"-{signal}", file.read_text("ascii").strip())
        self._daemon.wait(timeout=_UP)

    def close(self) -> None:
        """Remove the containers and end everything."""
        held = self.docker("ps", "--all", "--quiet", check=False).stdout.split()
        if held:
            self.docker("rm", "--force", *held, check=False)
        self.namespaces.close()
        assert self._daemon is not None
        self._daemon.wait(timeout=_UP)

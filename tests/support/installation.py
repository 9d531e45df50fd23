"""The built distribution, and virtual environments with it and some of its extras, as a stranger's machine has them.

Nothing of the checkout, and no program but the environment's own, is in reach of what runs in one: neither git nor make.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smsrelay.settings import PREFIX

ROOT = Path(__file__).resolve().parents[2]
_NOT_COPIED = (
    ".git",
    ".venv",
    ".smsrelay",
    ".*_cache",
    ".hypothesis",
    "node_modules",
    "build",
    "dist",
    "*.egg-info",
    "__pycache__",
)
_PATIENCE = 240.0  # seconds; packages may have to be downloaded
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


@dataclass(frozen=True, slots=True)
class Built:
    """What ``python -m build`` makes of the checkout, and a folder with the pinned packages."""

    wheel: Path
    sdist: Path
    pinned: Path

    @property
    def constraints(self) -> Path:
        """The lock's versions without its hashes, which pip would ask of our wheel as well."""
        return self.pinned / "constraints.txt"


def build(folder: Path) -> Built:
    """Build a copy of the checkout, so that other tests do not find its traces, and download what the lock pins."""
    source, pinned = folder / "source", folder / "pinned"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    dist = built_from(source, folder / "dist")
    pinned.mkdir()
    pins = re.findall(r"^[a-z0-9._-]+==[^ ]+", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    built = Built(next(dist.glob("*.whl")), next(dist.glob("*.tar.gz")), pinned)
    built.constraints.write_text("\n".join(pins), encoding="utf-8")
    _run(*_PIP, "download", "--no-deps", "--dest", str(pinned), "--requirement", str(built.constraints))
    return built


def built_from(source: Path, dist: Path) -> Path:
    """The folder with the sdist and the wheel that is built from it."""
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(source))
    return dist


class Installation:
    """A virtual environment, and a folder in which its programs run."""

    def __init__(self, folder: Path, built: Built) -> None:
        self._folder = folder
        self._built = built
        self.working_folder = folder / "work"
        self.working_folder.mkdir(parents=True)
        venv.create(folder / "venv", symlinks=True)

    def install(self, *requirements: str, dry_run: bool = False) -> str:
        """Install them, with all they ask for, in the pinned versions; what pip says."""
        pip = (*_PIP, "--python", str(self.python), "install", "--dry-run" if dry_run else "--no-compile")
        pinned = ("--no-index", "--find-links", str(self._built.pinned), "--constraint", str(self._built.constraints))
        return _run(*pip, *pinned, *requirements)

    @property
    def python(self) -> Path:
        return self._folder / "venv" / "bin" / "python"

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """What a program runs with: the variables, and nothing of the tests' own environment that could help it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "PYTHON", "VIRTUAL_ENV"))}
        own = {"PATH": str(self.python.parent), "HOME": str(self._folder), "COLUMNS": "120", "NO_COLOR": "1"}
        return kept | own | dict(variables)

    def run(
        self, program: str, *arguments: str, variables: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of its programs to its end."""
        return subprocess.run(
            [str(self.python.with_name(program)), *arguments],
            cwd=self.working_folder,
            env=self.environment(variables or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )

    @contextmanager
    def running(self, *arguments: str, variables: Mapping[str, str]) -> Iterator["Running"]:
        """``smsrelay`` with these arguments, until the context is left."""
        log = self._folder / f"{arguments[0]}.log"
        command = [str(self.python.with_name("smsrelay")), *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.working_folder,
                env=self.environment(variables),
                stdout=output,
                stderr=output,
                preexec_fn=_heed_hangups,  # noqa: PLW1509  no thread of ours is running here
            )
        try:
            yield Running(process, log)
        finally:
            process.terminate()
            process.wait(_PATIENCE)

    def distributions(self) -> set[str]:
        """Names of all that is installed."""
        listed = self.run("python", "-c", "import importlib.metadata as m; [print(d.name) for d in m.distributions()]")
        return {name.lower().replace("_", "-") for name in listed.stdout.split()}


def _heed_hangups() -> None:
    """Under nohup SIGHUP is ignored, and a worker that was started so rightly goes on ignoring it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@dataclass(frozen=True, slots=True)
class Running:
    """A process, and the file with all that it printed."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def printed(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def says(self, text: str) -> bool:
        """Whether it has printed the text by now; fails when it has ended."""
        found = text in self.printed()
        assert found or self.process.poll() is None, self.printed()[-2000:]
        return found

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.terminate()
        return self.process.wait(_PATIENCE)


def _run(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-3000:]
    return ended.stdout

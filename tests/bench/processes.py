"""Processes: everything a measurement starts, including their descendants, always ended together.

Takes commands and environments; runs the processes, with their logs in one folder. Raises ``PartFailed``, which names the log,
when a process exits or does not come up in time.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_READY = 60.0  # seconds
_STOP = 3.0  # seconds before SIGKILL; work in progress does not matter here
_POLL = 0.02
_TICKS = os.sysconf("SC_CLK_TCK")


class PartFailed(RuntimeError):
    """A process exited or did not do its part in time; the message names its log."""


@dataclass(frozen=True, slots=True)
class Process:
    """One started process and all its children."""

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path

    def alive(self) -> bool:
        return self.popen.poll() is None

    def log_holds(self, words: str) -> bool:
        return words in self.log.read_text("utf-8", "replace")

    def cpu(self) -> float:
        """CPU seconds used so far by the process and its descendants."""
        return sum(one.cpu for one in family(self.popen.pid))

    def stop(self, within: float = _STOP) -> None:
        """Ask it to end, then kill it and whatever of its family is left: a worker's children have groups of their own."""
        known = family(self.popen.pid)
        self.popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(within)
        known |= family(self.popen.pid)
        self.popen.kill()
        self.popen.wait()
        for one in known & set(_all()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Kin:
    """A process as the kernel lists it; the same one only with the same start tick, because pids are reused."""

    pid: int
    began: int
    parent: int = field(compare=False)
    cpu: float = field(compare=False)


class Processes:
    """All processes of one measurement; a context manager that stops them, last started first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Process] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        while self._started:
            self._started.pop().stop()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start one; it runs until the context ends, or ``Process.stop``."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            # Its own session: Ctrl-C reaches only us, and one signal reaches all its children.
            popen = subprocess.Popen(
                list(command),
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._started.append(Process(name, popen, log))
        return self._started[-1]

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
        """Run one to its end; returns its standard output, without what was in its log before."""
        return self.finish(self.start(name, command, environment))

    def finish(self, process: Process) -> str:
        """Wait until it has exited; returns what it wrote."""
        if process.popen.wait() != 0:
            raise PartFailed(f"{process.name} ended with {process.popen.returncode}; see {process.log}")
        self._started.remove(process)
        return process.log.read_text("utf-8")

    def wait(self, process: Process, holds: Callable[[], object], what: str, seconds: float = _READY) -> None:
        """Wait for a condition that the process brings about."""
        until = time.monotonic() + seconds
        while not holds():
            if not process.alive():
                raise PartFailed(f"{process.name} ended with {process.popen.returncode}; see {process.log}")
            if time.monotonic() > until:
                raise PartFailed(f"{process.name}: within {seconds:g} s it never happened: {what}; see {process.log}")
            time.sleep(_POLL)


def python(*arguments: str) -> list[str]:
    """A command that runs this interpreter."""
    return [sys.executable, *arguments]


def clean_environment() -> dict[str, str]:
    """This process's environment without the product's settings, and with our packages importable."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSRELAY_")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def machine_busy() -> tuple[float, float]:
    """Busy seconds and total seconds of all cores together since boot."""
    ticks = [int(word) for word in Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS, sum(ticks) / _TICKS


def family(pid: int) -> set[Kin]:
    """A process and all its descendants."""
    listed = list(_all())
    found = {one for one in listed if one.pid == pid}
    while more := {one for one in listed if one.parent in {known.pid for known in found}} - found:
        found |= more
    return found


def _all() -> Iterator[Kin]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):  # it has exited meanwhile
                state, *fields = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                if state != "Z":
                    yield Kin(int(entry.name), int(fields[18]), int(fields[0]), (int(fields[10]) + int(fields[11])) / _TICKS)

"""A part of the run: a process that is started, killed, frozen and restarted by its supervisor, as a service manager would.

Takes a command; gives a running process and its log, one file across all restarts. When the process exits by itself, ``revive``
restarts it and reports that. A worker has one child per queue and replaces them itself; children can be killed and frozen singly.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import children_of

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Killed:
    """A killed process, and when it was killed (epoch ms)."""

    pid: int
    at: int


class Part:
    """One process at a time under one name. Thread-safe."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path, *, group: bool = False
    ) -> None:
        """``group``: it is a script with child processes; every signal goes to all of them."""
        self.name = name
        self._group = group
        self.life = 0
        self._command = command
        self._environment = environment
        self._log = logs / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._down_on_purpose = True
        self._lock = threading.RLock()

    @property
    def alive(self) -> bool:
        """Whether it runs now; a frozen one does."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the next life, unless one is running."""
        with self._lock:
            if self.alive:
                return
            self.life += 1
            with self._log.open("ab") as log:
                log.write(f"--- life {self.life}\n".encode())
                self._process = subprocess.Popen(
                    self._command,
                    cwd=ROOT,
                    env=dict(self._environment),
                    stdout=log,
                    stderr=log,
                    start_new_session=self._group,
                )
            self._down_on_purpose = False

    def kill(self) -> Killed | None:
        """SIGKILL; None when it was down already."""
        with self._lock:
            if not self.alive or self._process is None:
                return None
            self._down_on_purpose = True
            self._tell(self._process, signal.SIGKILL)
            self._process.wait()
            return Killed(self._process.pid, _now())

    def kill_whole(self) -> list[Killed]:
        """SIGKILL to it and to its children at once, as when its machine fails."""
        with self._lock:
            children = self._children()
            killed = [self.kill(), *(Killed(child, _now()) for child in children if _signalled(child, signal.SIGKILL))]
            return [one for one in killed if one is not None]

    def kill_child(self, pick: float) -> Killed | None:
        """SIGKILL to one of its children, which its parent replaces; None when it has none."""
        with self._lock:
            child = self._child(pick)
            return Killed(child, _now()) if child is not None and _signalled(child, signal.SIGKILL) else None

    def freeze_child(self, pick: float) -> int | None:
        """SIGSTOP to one of its children; its pid, None when it has none."""
        with self._lock:
            child = self._child(pick)
            return child if child is not None and _signalled(child, signal.SIGSTOP) else None

    def children(self) -> list[int]:
        """The pids of its children."""
        with self._lock:
            return self._children()

    def thaw_all(self) -> None:
        """SIGCONT to it and to its children."""
        self.thaw()
        with self._lock:
            for child in self._children():
                _signalled(child, signal.SIGCONT)

    def end(self) -> None:
        """Kill it with its children, at the end of the run."""
        self.thaw_all()
        with self._lock:
            children = self._children()
            self.kill()
            for child in children:
                _signalled(child, signal.SIGKILL)

    def log(self) -> str:
        """The log across all restarts."""
        return self._log.read_text("utf-8", "replace")

    def terminate(self, within: float) -> bool:
        """SIGTERM and wait; False when it was down already. One that does not end within the seconds is killed."""
        with self._lock:
            if not self.alive or self._process is None:
                return False
            self._down_on_purpose = True
            process = self._process
            self._tell(process, signal.SIGTERM)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            self._tell(process, signal.SIGKILL)
            process.wait()
        return True

    def freeze(self) -> bool:
        """SIGSTOP; False when it is down."""
        return self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def revive(self) -> int | None:
        """Start it again if it ended by itself; the exit code it had ended with."""
        with self._lock:
            if self._down_on_purpose or self.alive or self._process is None:
                return None
            code = self._process.returncode
            self.start()
            return code

    def _child(self, pick: float) -> int | None:
        children = self._children()
        return children[int(pick * len(children))] if children else None

    def _children(self) -> list[int]:
        return children_of(self._process.pid) if self.alive and self._process is not None else []

    def _signal(self, number: int) -> bool:
        with self._lock:
            if not self.alive or self._process is None:
                return False
            self._tell(self._process, number)
            return True

    def _tell(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        if self._group:
            with contextlib.suppress(ProcessLookupError):  # all of them have ended
                os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _signalled(child: int, number: signal.Signals) -> bool:
    """Signal a child; False when it has ended since it was picked."""
    try:
        os.kill(child, number)
    except ProcessLookupError:
        return False
    return True


def _now() -> int:
    return time.time_ns() // 1_000_000

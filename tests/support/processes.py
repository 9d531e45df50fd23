"""Real processes as the kernel lists them: those that work for a data folder; and ending a process without a warning.

Takes a data folder; returns pids, each with its title in brackets and its command line. A process that exits while it is being
read is not listed. Linux only.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

PARENT = "[smsrelay worker]"
TOGETHER = "[sms.*]"  # the one child of a worker that was started with --together
_PROC = Path("/proc")


def processes_of(data: Path) -> dict[int, str]:
    """Title and command line by pid of every process whose command line, environment or working folder names it; no zombies."""
    return dict(_naming(str(data).encode()))


def pids(data: Path, *words: str) -> list[int]:
    """The processes of the folder whose title and command line hold all the words."""
    return sorted(pid for pid, command in processes_of(data).items() if all(word in command for word in words))


def children_of(parent: int) -> list[int]:
    """The processes it has started and that have not ended."""
    return sorted(pid for pid, state, ppid in _family() if ppid == parent and state != "Z")


def parent_of(child: int) -> int:
    """The process that has started it."""
    return next(ppid for pid, _, ppid in _family() if pid == child)


def kill_9(data: Path, words: str) -> int:
    """Kill the one process of the folder whose title and command line hold ``words``; its pid."""
    [pid] = pids(data, words)
    os.kill(pid, signal.SIGKILL)
    return pid


def _family() -> Iterator[tuple[int, str, int]]:
    """Pid, state and parent of every process."""
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):  # it ended meanwhile
                state, parent, *_ = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                yield int(entry.name), state, int(parent)


def _naming(folder: bytes) -> Iterator[tuple[int, str]]:
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            title = (entry / "comm").read_text("utf-8").strip()
            works_in = str((entry / "cwd").readlink()).encode()  # the broker writes its title over its environment
        except OSError:  # it ended meanwhile, or is another user's
            continue
        if folder in command or folder in environment or folder in works_in:
            yield int(entry.name), f"[{title}] " + command.replace(b"\0", b" ").decode("utf-8", "replace")

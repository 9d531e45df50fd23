"""Real processes as the kernel lists them: which ones work for a data folder, and ending one without a warning.

Enters: a data folder. Leaves: pids and command lines. A process that ends while it is looked at is not listed. Linux only.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def processes_of(data: Path) -> dict[int, str]:
    """Command lines by pid of every process whose command line, environment or working folder names it; zombies are gone."""
    return dict(_naming(str(data).encode()))


def kill_9(data: Path, words: str) -> int:
    """Kill the one process of the folder whose command line holds ``words``; its pid."""
    [pid] = [pid for pid, command in processes_of(data).items() if words in command]
    os.kill(pid, signal.SIGKILL)
    return pid


def _naming(folder: bytes) -> Iterator[tuple[int, str]]:
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            works_in = str((entry / "cwd").readlink()).encode()  # the broker writes its title over its environment
        except OSError:  # it ended meanwhile, or is another user's
            continue
        if folder in command or folder in environment or folder in works_in:
            yield int(entry.name), command.replace(b"\0", b" ").decode("utf-8", "replace")

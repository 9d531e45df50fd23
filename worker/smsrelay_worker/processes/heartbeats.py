"""Heartbeats: the memory that a worker's parent shares with its children, in which each writes when it was last alive.

A child writes two times: when its interpreter last ran, and when the loop of its consumer last turned. The parent judges both
(``silence``), and ``smsrelay probe`` reads them: the memory is a file named by the parent's pid, in a folder of this user's under
TMPDIR, or else ``/tmp``. Where no file can be made, the memory has no name, and the probe finds no worker.

Imports the standard library alone, for the probe has to be cheap. All times are monotonic, in ns.
"""

import contextlib
import fcntl
import mmap
import os
import stat
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FROZEN_AFTER = 30.0  # seconds without a sign of the interpreter: nothing that we run keeps it as long
STUCK_AFTER = 90.0  # seconds without a turn of the loop, which may wait 45 s for a silent store, and then for a silent broker
PARENT = 0  # the parent's place; the children follow
_NAME = 32
_RECORD = struct.Struct(f"={_NAME}sqqq")  # name, alive, turned, consuming
_TIME = struct.Struct("=q")
_ALIVE, _TURNED, _CONSUMING = _NAME, _NAME + 8, _NAME + 16
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Pulse:
    """What one process has told. ``alive_at``, ``turned_at``: 0 before the first time, and while the process does not run."""

    name: str
    alive_at: int
    turned_at: int
    consuming: bool  # at its last turn; False while it is connecting to the broker


class Heartbeats:
    """The shared memory, with a place for each process."""

    def __init__(self, memory: mmap.mmap, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._memory = memory
        self._clock = clock

    @classmethod
    def create(cls, names: Sequence[str], folder: Path | None = None) -> "Heartbeats":
        """For the processes of these names, the parent's first; ``folder``: where to make the file, by default the user's."""
        empty = b"".join(_RECORD.pack(name.encode()[:_NAME], 0, 0, 0) for name in names)
        memory = _file(folder or users_folder(), empty) or mmap.mmap(-1, len(empty))
        memory[:] = empty
        return cls(memory)

    def alive(self, place: int) -> None:
        """The interpreter of this process runs."""
        self._write(place, _ALIVE, self._clock())

    def turned(self, place: int, *, consuming: bool) -> None:
        """The loop of its consumer has turned; ``consuming``: with a connection to the broker."""
        self._write(place, _CONSUMING, int(consuming))
        self._write(place, _TURNED, self._clock())

    def clear(self, place: int) -> None:
        """The process does not run."""
        for field in (_ALIVE, _TURNED, _CONSUMING):
            self._write(place, field, 0)

    def pulse(self, place: int) -> Pulse:
        """What the process at this place has told."""
        return _pulse(self._memory[place * _RECORD.size : (place + 1) * _RECORD.size])

    def _write(self, place: int, field: int, value: int) -> None:
        _TIME.pack_into(self._memory, place * _RECORD.size + field, value)  # 8 aligned bytes: nobody reads half of it


def users_folder() -> Path:
    """The folder of this user's heartbeats."""
    return Path(os.environ.get("TMPDIR") or "/tmp") / f"smsrelay-{os.getuid()}"  # noqa: S108  its owner and mode are checked


def remove_own_file(folder: Path | None = None) -> None:
    """Remove this process's file, and the folder if it was the last one, at the end of a worker."""
    folder = folder or users_folder()
    with contextlib.suppress(OSError):  # there is none, or another worker has one
        (folder / f"{os.getpid()}").unlink()
        folder.rmdir()


def workers(folder: Path | None = None) -> Iterator[tuple[int, list[Pulse]]]:
    """Every worker on this host that runs: its pid, and what its processes have told, the parent first."""
    folder = folder or users_folder()
    if not _is_private(folder):
        return
    for path in sorted(folder.glob("[0-9]*")):
        with contextlib.suppress(OSError), path.open("r+b") as file:
            if not _lock(file.fileno()):  # its owner holds the lock
                content = file.read()
                whole = len(content) - len(content) % _RECORD.size
                yield int(path.name), [_pulse(content[at : at + _RECORD.size]) for at in range(0, whole, _RECORD.size)]


def _file(folder: Path, content: bytes) -> mmap.mmap | None:
    """The memory of a file that is named by this process's pid, and locked as long as it lives; None where that is impossible."""
    try:
        folder.mkdir(_PRIVATE, exist_ok=True)
        if not _is_private(folder):
            return None
        _remove_left_files(folder)
        path = folder / f"{os.getpid()}"
        begun = path.with_name(f"new-{path.name}")
        descriptor = os.open(begun, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        os.write(descriptor, content)  # takes the room, so that no later write to the memory fails
        _lock(descriptor)  # not inherited by the children; it ends with this process, for the descriptor stays open
        begun.replace(path)
        return mmap.mmap(descriptor, len(content))
    except (OSError, ValueError):  # ValueError: a full disk took a part of it
        return None


def _remove_left_files(folder: Path) -> None:
    """Remove the files of workers that have ended."""
    for path in folder.glob("[0-9]*"):
        with contextlib.suppress(OSError), path.open("r+b") as file:
            if _lock(file.fileno()):
                path.unlink()


def _lock(descriptor: int) -> bool:
    """Lock the file for this process; False if another one has."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_private(folder: Path) -> bool:
    """Whether the folder is one of ours that nobody else can write to; others may have made one of its name."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _pulse(record: bytes) -> Pulse:
    name, alive, turned, consuming = _RECORD.unpack(record)
    return Pulse(name.rstrip(b"\0").decode("utf-8", "replace"), alive, turned, bool(consuming))

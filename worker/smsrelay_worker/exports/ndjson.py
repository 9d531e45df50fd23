"""NdjsonTarget: rows as lines of a file, and NdjsonOutput: as lines on standard output.

The position is a SQLite database beside the file: what each message's last line says, and how much of the file is accounted for.
Lines are synced to the disk before the position is. After a kill in between, whole lines that the position does not know are
read again, and a torn last one is cut: it was never told of. A file that is shorter than the position says was rotated.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from smsrelay_worker.exports.columns import COLUMNS, Kind
from smsrelay_worker.exports.instant import read_text, text
from smsrelay_worker.exports.ndjson_position import NdjsonPosition
from smsrelay_worker.exports.row import Row
from smsrelay_worker.exports.target import TargetUnavailable, WrongTarget
from smsrelay_worker.exports.version import Key, Known, Version

_BEGINNING = b'{"message_id": "'  # of every line
_LONGEST = 1024 * 1024  # bytes; no row has as many
_REREAD = 1000  # lines that are accounted for together
_encode = json.JSONEncoder(ensure_ascii=False).encode


def encode_row(row: Row) -> bytes:
    """One line, with its end."""
    return (_encode({column.name: _value(column.kind, getattr(row, column.name)) for column in COLUMNS}) + "\n").encode()


class NdjsonOutput:
    """Standard output, of which nothing is known afterwards: every export writes every final message of the store."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def known(self, keys: Sequence[Key]) -> Mapping[Key, Known]:
        """Nothing."""
        return {}

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows and hand them on."""
        self._output.write(b"".join(map(encode_row, rows)))
        self._output.flush()

    def last_complete(self) -> int | None:
        """Not known: a pipe remembers nothing."""
        return None

    def complete(self, began_at: int) -> None:
        """Note nothing."""

    def close(self) -> None:
        """Leave it to the process."""


class NdjsonTarget:
    """For one thread. ``lifetime``: ms after which a message that did not change is surely not in the store any more.

    Raises ``OSError`` where the file cannot be opened, ``TargetUnavailable`` and ``WrongTarget``.
    """

    def __init__(self, path: Path, lifetime: int) -> None:
        if not path.parent.is_dir():
            raise WrongTarget(f"there is no folder {path.parent}")
        self._path, self._lifetime = path, lifetime
        self._position = NdjsonPosition(path.with_name(f"{path.name}.position"))
        self._file = path.open("ab+")
        try:
            with _disk_answers(path):
                _sync_folder(path.parent)
                self._recover(path)
        except BaseException:
            self.close()
            raise

    def known(self, keys: Sequence[Key]) -> Mapping[Key, Known]:
        """What the file's lines say of these messages."""
        return self._position.known(keys)

    def write(self, rows: Sequence[Row]) -> None:
        """Append a line for each row."""
        wire = b"".join(map(encode_row, rows))
        with _disk_answers(self._path):
            while wire:  # not by the buffer, which a full disk would leave filled
                wire = wire[os.write(self._file.fileno(), wire) :]
            os.fsync(self._file.fileno())
        self._position.account([row.version for row in rows], os.fstat(self._file.fileno()).st_size)

    def last_complete(self) -> int | None:
        """When the last complete export began (ms)."""
        return self._position.last_complete()

    def complete(self, began_at: int) -> None:
        """Note that an export which began then (ms) has seen everything; forget what the store cannot have any more."""
        self._position.complete(began_at, began_at - self._lifetime)

    def close(self) -> None:
        """Close the file, and let another export write it."""
        self._file.close()
        self._position.close()

    def _recover(self, path: Path) -> None:
        """Account for what a killed export has written."""
        length = self._file.seek(0, os.SEEK_END)
        done = self._position.length()
        place = self._file.seek(done if done <= length else 0)  # a shorter file is another one: the lines are elsewhere
        lines: list[Version] = []
        while wire := self._file.readline(_LONGEST):
            if not wire.endswith(b"\n"):
                self._cut(path, place, wire)
                break
            place += len(wire)
            lines.append(_read_line(path, wire))
            if len(lines) == _REREAD:
                self._position.account(lines, place)
                lines = []
        self._sync()
        self._position.account(lines, place)

    def _cut(self, path: Path, place: int, wire: bytes) -> None:
        beginning = min(len(wire), len(_BEGINNING))
        if wire[:beginning] != _BEGINNING[:beginning] or len(wire) == _LONGEST:
            raise WrongTarget(f"{path} is not a file of an export: its last line was not written by smsrelay")
        self._file.truncate(place)
        self._file.seek(place)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def _read_line(path: Path, wire: bytes) -> Version:
    try:
        fields = json.loads(wire)
        accepted_at, changed_at = read_text(fields["accepted_at"]), read_text(fields["changed_at"])
        return Version(fields["message_id"], accepted_at, int(fields["revision"]), changed_at, fields["used_at"] is not None)
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = f"{path} is not a file of an export: it has a line that smsrelay did not write"
    raise WrongTarget(reason)


@contextmanager
def _disk_answers(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # full, or over a limit; or the disk fails
        raise TargetUnavailable(f"{path}: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    """So that a new file has its name before the position counts on it."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _value(kind: Kind, value: Any) -> Any:
    return text(value) if kind is Kind.INSTANT and value is not None else value

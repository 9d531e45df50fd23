"""Spool: status events on the local disk while the broker cannot take them.

Takes ``StatusEvent`` values, which hold no number, and ``UnreadableCallback`` values, which may. Gives them back oldest first
until they are confirmed to be on the broker. When ``put`` returns, the events survive a kill of the process and a loss of
power (SQLite, write-ahead log, synced at each commit).
Fails with ``SpoolFull`` at its limit and ``SpoolUnavailable`` when the disk does not do what it is asked; then nothing is lost
that was put before, and the next call opens the file anew.

One file in a folder, shared by every receiver of a host: whoever lives drains what a dead one left. The folder must be on a
local file system, because the log's index is shared memory.
"""

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.unreadable_callback import Received, UnreadableCallback

_PATIENCE = 1.0  # seconds to wait while another receiver writes, or opens the file
_LOOK_AGAIN = 0.01  # seconds

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # in WAL: a sync at each commit
    "PRAGMA fullfsync = ON",  # on macOS a plain fsync stops at the disk's cache
    "PRAGMA secure_delete = ON",  # a callback nobody could read may hold a number, which must not stay in a free page
)
# AUTOINCREMENT: a place is never given twice, so removing through a place can never take a younger event.
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS reports (place INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS unreadable (place INTEGER PRIMARY KEY, event BLOB NOT NULL)",
)
# Events leave from the front only, so the ends give the number without a walk over all of them.
_WAITING = "SELECT coalesce((SELECT max(place) FROM reports) - (SELECT min(place) FROM reports) + 1, 0)"

_log: FilteringBoundLogger = structlog.get_logger()


class SpoolUnavailable(Exception):
    """The spool did not take or give events; the text names the fault and no content."""


class SpoolFull(SpoolUnavailable):
    """The spool holds as many events as it may."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """One event and its place in the order of arrival."""

    place: int
    event: Received


class Spool:
    """The spool in ``folder``, of at most ``limit`` events; safe to share between threads and with other processes."""

    def __init__(
        self,
        folder: Path,
        limit: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._limit = limit
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def put(self, events: Sequence[Received]) -> None:
        """Add all of them with one sync of the disk, or none; raises ``SpoolFull`` and ``SpoolUnavailable``."""
        rows = [(json.dumps(event.encode()).encode(),) for event in events]
        with self._transaction() as connection:
            waiting = _waiting(connection)
            if waiting + len(rows) > self._limit:
                raise SpoolFull(f"{waiting} reports wait, the limit is {self._limit}")
            connection.executemany("INSERT INTO reports (event) VALUES (?)", rows)

    def oldest(self, count: int) -> list[Spooled]:
        """Up to ``count`` events from the front; they stay until ``remove``. Raises ``SpoolUnavailable``.

        What cannot be read any more is set aside in a table of its own, for a person: it must not block those behind it.
        """
        with self._transaction() as connection:
            rows = connection.execute("SELECT place, event FROM reports ORDER BY place LIMIT ?", (count,)).fetchall()
            return [found for place, wire in rows if (found := _read(connection, place, wire))]

    def remove(self, through: int) -> None:
        """Forget every event up to and with place ``through``: they are on the broker. Raises ``SpoolUnavailable``."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM reports WHERE place <= ?", (through,))

    def waiting(self) -> int:
        """How many events wait; raises ``SpoolUnavailable``."""
        with self._transaction() as connection:
            return _waiting(connection)

    def has_room(self) -> bool:
        """Whether an event could be put now, as far as can be told without writing."""
        try:
            return self.waiting() < self._limit
        except SpoolUnavailable as error:
            _log.error("spool.unavailable", reason=str(error))
            return False

    @contextmanager
    def sole_drainer(self) -> Iterator[bool]:
        """Whether the caller is the only one who drains, here and in other processes; the kernel frees it when a process dies."""
        with _disk_works():
            lock = self._lock_file("drain.lock")
        try:
            yield _locked(lock)
        finally:
            os.close(lock)

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            self._drop()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees every other writer's work, and on a disk that cannot be written fails at once."""
        with self._lock, _disk_works():
            try:
                connection = self._connection or self._open()
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    yield connection
            except sqlite3.Error:
                self._drop()
                raise

    def _open(self) -> sqlite3.Connection:
        lock = self._lock_file("open.lock")
        try:
            self._wait_for(lock)  # two that turn a new file to WAL at once fail, whatever their patience
            # One thread at a time is seen to by our lock; transactions are begun by hand.
            path = self._folder / "reports.sqlite"
            os.close(self._lock_file(path.name))  # made by us, and so readable by us alone, as is all that SQLite puts beside it
            connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
            self._connection = connection
            for statement in (*_PRAGMAS, *_SCHEMA):
                connection.execute(statement)
            return connection
        finally:
            os.close(lock)

    def _wait_for(self, lock: int) -> None:
        """Lock a file that another receiver has for a moment; one that is frozen with it must not hold all others."""
        until = self._monotonic() + _PATIENCE
        while not _locked(lock):
            if self._monotonic() > until:
                raise SpoolUnavailable("another receiver is opening the file, and does not end")
            self._sleep(_LOOK_AGAIN)

    def _lock_file(self, name: str) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self._folder / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _disk_works() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise SpoolUnavailable(f"{type(error).__name__}: {error}") from None


def _waiting(connection: sqlite3.Connection) -> int:
    return int(connection.execute(_WAITING).fetchone()[0])


def _read(connection: sqlite3.Connection, place: int, wire: bytes) -> Spooled | None:
    try:
        return Spooled(place, _decoded(json.loads(wire)))
    except (ValueError, TypeError, Rejection):
        _log.error("spool.unreadable", place=place)
        connection.execute("INSERT INTO unreadable SELECT place, event FROM reports WHERE place = ?", (place,))
        connection.execute("DELETE FROM reports WHERE place = ?", (place,))
        return None


def _decoded(wire: object) -> Received:
    return UnreadableCallback.decode(wire) if UnreadableCallback.is_wire(wire) else StatusEvent.decode(wire)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Spool: a queue on the local disk for reports while the broker cannot take them.

It stores ``StatusEvent`` values, which contain no phone number, and ``UnreadableCallback`` values, which may. They are read
oldest first and stay until removed, once the broker has them. When ``put`` returns, they survive a killed process and a power
failure (SQLite, write-ahead log, synced at each commit).

Raises ``SpoolFull`` at its limit and ``SpoolUnavailable`` when the disk fails. Then nothing stored before is lost, and the next
call opens the file again.

One file in a folder, shared by every receiver on the host, so that one that runs drains what a dead one left. The folder must be
on a local file system, because SQLite keeps the log's index in shared memory.
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

_LOCK_TIMEOUT = 1.0  # seconds to wait while another receiver writes or opens the file
_POLL = 0.01  # seconds

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # with WAL: a sync at each commit
    "PRAGMA fullfsync = ON",  # on macOS a plain fsync only reaches the disk's cache
    "PRAGMA secure_delete = ON",  # an unreadable callback may contain a phone number, which must not stay in a free page
)
# AUTOINCREMENT: no place is assigned twice, so removing up to a place never removes a newer event.
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS reports (place INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS unreadable (place INTEGER PRIMARY KEY, event BLOB NOT NULL)",
)
# Events are removed from the front only, so first and last place give the count without a scan.
_WAITING = "SELECT coalesce((SELECT max(place) FROM reports) - (SELECT min(place) FROM reports) + 1, 0)"

_log: FilteringBoundLogger = structlog.get_logger()


class SpoolUnavailable(Exception):
    """The spool could not be written or read; the text has the reason and no content."""


class SpoolFull(SpoolUnavailable):
    """The spool has reached its limit."""


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
        """Add all of them or none, with one disk sync; raises ``SpoolFull`` and ``SpoolUnavailable``."""
        rows = [(json.dumps(event.encode()).encode(),) for event in events]
        with self._transaction() as connection:
            waiting = _waiting(connection)
            if waiting + len(rows) > self._limit:
                raise SpoolFull(f"{waiting} reports are spooled, the limit is {self._limit}")
            connection.executemany("INSERT INTO reports (event) VALUES (?)", rows)

    def oldest(self, count: int) -> list[Spooled]:
        """Up to ``count`` of the oldest events; they stay until ``remove``. Raises ``SpoolUnavailable``.

        One that cannot be decoded is moved to a separate table, for an operator, so that it does not block those behind it.
        """
        with self._transaction() as connection:
            rows = connection.execute("SELECT place, event FROM reports ORDER BY place LIMIT ?", (count,)).fetchall()
            return [found for place, wire in rows if (found := _read(connection, place, wire))]

    def remove(self, through: int) -> None:
        """Remove every event up to and including place ``through``. Raises ``SpoolUnavailable``."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM reports WHERE place <= ?", (through,))

    def waiting(self) -> int:
        """How many events are spooled; raises ``SpoolUnavailable``."""
        with self._transaction() as connection:
            return _waiting(connection)

    def backlog(self) -> tuple[int, int | None]:
        """How many events are spooled, and when the oldest was received (ms), if one is; raises ``SpoolUnavailable``."""
        with self._transaction() as connection:
            row = connection.execute("SELECT event FROM reports ORDER BY place LIMIT 1").fetchone()
            return _waiting(connection), _received_at(row[0]) if row else None

    def has_room(self) -> bool:
        """Whether an event could be added now, as far as one can tell without writing."""
        try:
            return self.waiting() < self._limit
        except SpoolUnavailable as error:
            _log.error("spool.unavailable", reason=str(error))
            return False

    @contextmanager
    def sole_drainer(self) -> Iterator[bool]:
        """Take the drain lock of this host; yields whether it was free. The kernel releases it when the process dies."""
        with _disk_errors():
            lock = self._lock_file("drain.lock")
        try:
            yield _try_lock(lock)
        finally:
            os.close(lock)

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            self._disconnect()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, even for reading: it sees all commits, and fails at once if the disk cannot be written."""
        with self._lock, _disk_errors():
            try:
                connection = self._connection or self._open()
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    yield connection
            except sqlite3.Error:
                self._disconnect()
                raise

    def _open(self) -> sqlite3.Connection:
        lock = self._lock_file("open.lock")
        try:
            self._wait_for(lock)  # two processes that switch a new file to WAL at once fail, whatever their timeout
            path = self._folder / "reports.sqlite"
            os.close(self._lock_file(path.name))  # creates it with our mode, 0600, which SQLite copies to its other files
            # Threads are serialised by `_lock`; transactions are begun explicitly.
            connection = sqlite3.connect(path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False)
            self._connection = connection
            for statement in (*_PRAGMAS, *_SCHEMA):
                connection.execute(statement)
            return connection
        finally:
            os.close(lock)

    def _wait_for(self, lock: int) -> None:
        """Wait for a lock that another receiver has for a moment; with a timeout, because that receiver may be frozen."""
        until = self._monotonic() + _LOCK_TIMEOUT
        while not _try_lock(lock):
            if self._monotonic() > until:
                raise SpoolUnavailable("another receiver has been opening the file for too long")
            self._sleep(_POLL)

    def _lock_file(self, name: str) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self._folder / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turns errors of SQLite and the system into ``SpoolUnavailable``."""
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


def _received_at(wire: bytes) -> int | None:
    """When an event was received; None if it cannot be decoded."""
    try:
        return _decoded(json.loads(wire)).received_at
    except (ValueError, TypeError, Rejection):
        return None


def _decoded(wire: object) -> Received:
    return UnreadableCallback.decode(wire) if UnreadableCallback.is_wire(wire) else StatusEvent.decode(wire)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

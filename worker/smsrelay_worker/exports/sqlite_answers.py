"""What SQLite's errors mean to an export: try again later, or never."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smsrelay_worker.exports.target import TargetUnavailable, WrongTarget

_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PASSING = {
    *_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_INTERRUPT,
}


@contextmanager
def sqlite_answers(path: Path, locked: str = "somebody else writes to it") -> Iterator[None]:
    """Raises ``TargetUnavailable`` for what may be over next time, ``WrongTarget`` for anything else; ``locked``: our words."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without what SQLite adds in detail
        if code in _PASSING:
            raise TargetUnavailable(f"{path}: {locked if code in _LOCKED else error}") from None
        raise WrongTarget(f"{path}: {error}") from None

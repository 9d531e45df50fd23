"""NdjsonPosition: what the lines of an NDJSON file say, in a SQLite database beside it. One export at a time has it open."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from smsrelay_worker.exports.sqlite_answers import sqlite_answers
from smsrelay_worker.exports.version import Key, Known, Version

_TOGETHER = 500  # keys in one question
_TABLES = (
    "CREATE TABLE IF NOT EXISTS lines (message_id text, accepted_at integer, revision integer NOT NULL,"
    " changed_at integer NOT NULL, used integer NOT NULL, PRIMARY KEY (message_id, accepted_at)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS position (name text PRIMARY KEY, value integer NOT NULL) WITHOUT ROWID",
)
_ADD = (
    "INSERT INTO lines VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
    " SET revision = excluded.revision, changed_at = excluded.changed_at, used = excluded.used"
)
_LOCKED = "another export writes this file"
_SET = "INSERT OR REPLACE INTO position VALUES (?, ?)"
_LENGTH, _BEGAN = "length", "began_at"


class NdjsonPosition:
    """For one thread. Raises ``TargetUnavailable``, also while another export has it open, and ``WrongTarget``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with sqlite_answers(self._path, _LOCKED):
            self._database = sqlite3.connect(path, timeout=1.0, isolation_level=None)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")  # held from the first transaction to the end
            self._database.execute("PRAGMA synchronous = FULL")
        with self._transaction() as database:
            for statement in _TABLES:
                database.execute(statement)

    def known(self, keys: Sequence[Key]) -> Mapping[Key, Known]:
        """What the last lines of these messages say."""
        wanted, found = set(keys), dict[Key, Known]()
        for start in range(0, len(keys), _TOGETHER):
            ids = [message_id for message_id, _ in keys[start : start + _TOGETHER]]
            marks = ", ".join("?" * len(ids))
            question = f"SELECT message_id, accepted_at, revision, changed_at, used FROM lines WHERE message_id IN ({marks})"  # noqa: S608
            with sqlite_answers(self._path, _LOCKED):
                rows = self._database.execute(question, ids).fetchall()
            found |= {(one, at): (revision, changed_at, bool(used)) for one, at, revision, changed_at, used in rows}
        return {key: known for key, known in found.items() if key in wanted}

    def length(self) -> int:
        """How many bytes of the file are accounted for."""
        return self._value(_LENGTH) or 0

    def account(self, lines: Sequence[Version], length: int) -> None:
        """Take in the lines that end at ``length`` bytes of the file."""
        rows = [(*one.key, one.revision, one.changed_at, one.used) for one in lines]
        with self._transaction() as database:
            database.executemany(_ADD, rows)
            database.execute(_SET, (_LENGTH, length))

    def last_complete(self) -> int | None:
        """When the last complete export began (ms)."""
        return self._value(_BEGAN)

    def complete(self, began_at: int, forget_before: int) -> None:
        """Note an export that has seen everything; drop messages that have not changed since ``forget_before``. Both in ms."""
        with self._transaction() as database:
            database.execute("DELETE FROM lines WHERE changed_at < ?", (forget_before,))
            database.execute(_SET, (_BEGAN, began_at))

    def close(self) -> None:
        """Let another export open it."""
        self._database.close()

    def _value(self, name: str) -> int | None:
        with sqlite_answers(self._path, _LOCKED):
            found = self._database.execute("SELECT value FROM position WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with sqlite_answers(self._path, _LOCKED), self._database:
            self._database.execute("BEGIN IMMEDIATE")
            yield self._database

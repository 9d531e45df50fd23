"""SqliteTarget: rows in a SQLite database.

Every page is one transaction, synced to the disk. The rows themselves are the position: what is there is not written again.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smsrelay_worker.exports.columns import COLUMNS, RUNS, TABLE, Kind, create_index, create_runs, create_table, upsert
from smsrelay_worker.exports.instant import read_text, text
from smsrelay_worker.exports.row import Row
from smsrelay_worker.exports.sqlite_answers import sqlite_answers
from smsrelay_worker.exports.target import WrongTarget
from smsrelay_worker.exports.version import Key, Known

TYPES = {Kind.TEXT: "text", Kind.INTEGER: "integer", Kind.INSTANT: "text", Kind.FLAG: "integer", Kind.JSON: "text"}
_PATIENCE = 30.0  # seconds to wait while somebody else writes
_TOGETHER = 500  # keys in one question


class SqliteTarget:
    """For one thread. Raises ``TargetUnavailable`` and ``WrongTarget``; its texts quote no value of a row."""

    def __init__(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise WrongTarget(f"there is no folder {path.parent}")
        with sqlite_answers(path):
            self._database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")  # whoever reads does not keep the export waiting
            self._database.execute("PRAGMA synchronous = FULL")
        self._path = path
        with self._transaction() as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (TABLE,)).fetchone():
                for statement in (create_table(TYPES), create_index(), create_runs("text")):
                    database.execute(statement)

    def known(self, keys: Sequence[Key]) -> Mapping[Key, Known]:
        """What it has of these messages."""
        wanted, found = set(keys), dict[Key, Known]()
        for start in range(0, len(keys), _TOGETHER):
            ids = [message_id for message_id, _ in keys[start : start + _TOGETHER]]
            marks = ", ".join("?" * len(ids))
            question = f"SELECT message_id, accepted_at, revision, changed_at, used_at FROM {TABLE} WHERE message_id IN ({marks})"  # noqa: S608
            with sqlite_answers(self._path):
                rows = self._database.execute(question, ids).fetchall()
            found |= {
                (one, read_text(at)): (revision, read_text(then), used is not None) for one, at, revision, then, used in rows
            }
        return {key: known for key, known in found.items() if key in wanted}

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows, all or none; each only if it is new."""
        with self._transaction() as database:
            database.executemany(upsert(["?"] * len(COLUMNS)), map(_values, rows))

    def last_complete(self) -> int | None:
        """When the last complete export began (ms)."""
        with sqlite_answers(self._path):
            found = self._database.execute(f"SELECT began_at FROM {RUNS}").fetchone()  # noqa: S608
        return read_text(found[0]) if found else None

    def complete(self, began_at: int) -> None:
        """Note that an export which began then (ms) has seen everything."""
        with self._transaction() as database:
            database.execute(f"INSERT OR REPLACE INTO {RUNS} VALUES (1, ?)", (text(began_at),))  # noqa: S608

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with sqlite_answers(self._path), self._database:  # commits, or rolls back
            self._database.execute("BEGIN IMMEDIATE")
            yield self._database


def _values(row: Row) -> list[Any]:
    return [_value(column.kind, getattr(row, column.name)) for column in COLUMNS]


def _value(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind is Kind.INSTANT:
        return text(value)
    return json.dumps(value, ensure_ascii=False) if kind is Kind.JSON else value

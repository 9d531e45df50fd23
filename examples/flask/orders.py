"""The orders, in SQLite."""

import os
import sqlite3
from contextlib import closing
from typing import Any


def add(number: int, sms: str) -> None:
    with closing(_database()) as database, database:
        database.execute("INSERT OR IGNORE INTO orders (number, sms) VALUES (?, ?)", (number, sms))


def find(number: int) -> dict[str, Any] | None:
    with closing(_database()) as database:
        row = database.execute("SELECT number, sms, state, code FROM orders WHERE number = ?", (number,)).fetchone()
    return dict(row) if row else None


def settle(sms: str, state: str, code: str | None, revision: int) -> None:
    """Write down an outcome, unless a later one is known: an outcome may come twice, or after a later one."""
    update = "UPDATE orders SET state = ?, code = ?, revision = ? WHERE sms = ? AND revision < ?"
    with closing(_database()) as database, database:
        database.execute(update, (state, code, revision, sms, revision))


def _database() -> sqlite3.Connection:
    database = sqlite3.connect(os.environ.get("DATABASE", "orders.sqlite3"))
    database.row_factory = sqlite3.Row
    columns = "number INTEGER PRIMARY KEY, sms TEXT, state TEXT DEFAULT 'queued', code TEXT, revision INTEGER DEFAULT 0"
    database.execute(f"CREATE TABLE IF NOT EXISTS orders ({columns})")
    return database

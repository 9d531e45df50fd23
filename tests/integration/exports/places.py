"""Places that messages are exported to, and what is read there."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from psycopg.rows import dict_row

from tests.support.postgresql import PASSWORD, Postgresql

SELECT = "SELECT * FROM smsrelay_messages ORDER BY accepted_at, message_id"


class Place(Protocol):
    """``variables`` name it, as ``SMSRELAY_…``."""

    variables: Mapping[str, str]

    def rows(self) -> list[dict[str, Any]]:
        """Every row or line that is there, by column."""
        ...


class NdjsonPlace:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "history.ndjson"
        self.position = folder / "history.ndjson.position"
        self.variables = {"SMSRELAY_EXPORT_TO": f"ndjson:{self.path}"}

    def rows(self) -> list[dict[str, Any]]:
        """The whole lines."""
        wire = self.path.read_bytes() if self.path.exists() else b""
        return [json.loads(line) for line in wire.splitlines(keepends=True) if line.endswith(b"\n")]


class SqlitePlace:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "history.db"
        self.variables = {"SMSRELAY_EXPORT_TO": f"sqlite:///{self.path}"}

    def rows(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        with closing(sqlite3.connect(self.path, timeout=30)) as database:
            database.row_factory = sqlite3.Row
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'smsrelay_messages'").fetchone():
                return []
            rows = [dict(row) for row in database.execute(SELECT)]
        return [row | {"tags": json.loads(row["tags"]), "timeline": json.loads(row["timeline"])} for row in rows]


class PostgresqlPlace:
    def __init__(self, server: Postgresql, folder: Path) -> None:
        password = folder / "password"
        password.write_text(f"{PASSWORD}\n", "utf-8")
        self.server = server
        self.variables = {"SMSRELAY_EXPORT_TO": server.url, "SMSRELAY_EXPORT_PASSWORD_FILE": str(password)}

    def rows(self) -> list[dict[str, Any]]:
        with self.server.connected() as connection:
            if connection.execute("SELECT to_regclass('smsrelay_messages')").fetchone() == (None,):
                return []
            return connection.cursor(row_factory=dict_row).execute(SELECT).fetchall()

"""PostgresqlTarget: rows in a PostgreSQL database, by psycopg 3. Imported only where the extra is installed.

Every page is one transaction. The rows themselves are the position: what is there is not written again.
"""

import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from smsrelay_worker.exports.columns import COLUMNS, NAMES, RUNS, TABLE, Kind, create_index, create_runs, create_table, upsert
from smsrelay_worker.exports.instant import milliseconds, moment
from smsrelay_worker.exports.row import Row
from smsrelay_worker.exports.target import TargetUnavailable, WrongTarget
from smsrelay_worker.exports.version import Key, Known

TYPES = {
    Kind.TEXT: "text",
    Kind.INTEGER: "integer",
    Kind.INSTANT: "timestamptz",
    Kind.FLAG: "boolean",
    Kind.JSON: "jsonb",
}
_BOUNDS = {  # of every wait, unless the URL says otherwise; seconds, and ms
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
    "application_name": "smsrelay export",
}
_STATEMENT = 60_000  # ms that one statement may take, waiting for locks included
_SILENCE = 150.0  # seconds that a page may take, of a server that keeps no time any more
_ONE_AT_A_TIME = 7_167_735  # any number of our own: the advisory lock of whoever creates the tables
_QUOTED = re.compile(r'"([^"]*)"')
_OURS = {TABLE, RUNS, *NAMES}
_PERMANENT = (psycopg.ProgrammingError, psycopg.DataError, psycopg.IntegrityError, psycopg.NotSupportedError)


class PostgresqlTarget:
    """For one thread. Raises ``TargetUnavailable`` and ``WrongTarget``; its texts quote neither the URL nor a value of a row.

    ``silence``: seconds after which a server that does not answer is given up.
    """

    def __init__(self, url: str, password: str | None = None, silence: float = _SILENCE) -> None:
        options = _options(url, password)
        self._silence = silence
        with _postgresql_answers():
            # Nothing is prepared: behind a pooler the next transaction may be on another connection of the server.
            self._connection = psycopg.connect(**options, autocommit=True, prepare_threshold=None)
        try:
            self._create()
        except BaseException:
            self.close()
            raise

    def known(self, keys: Sequence[Key]) -> Mapping[Key, Known]:
        """What it has of these messages."""
        wanted, ids = set(keys), [message_id for message_id, _ in keys]
        question = f"SELECT message_id, accepted_at, revision, changed_at, used_at FROM {TABLE} WHERE message_id = ANY(%s)"  # noqa: S608
        with self._transaction() as cursor:
            rows = cursor.execute(question, (ids,)).fetchall()
        found = {
            (one, milliseconds(at)): (revision, milliseconds(then), used is not None) for one, at, revision, then, used in rows
        }
        return {key: known for key, known in found.items() if key in wanted}

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows, all or none; each only if it is new."""
        with self._transaction() as cursor:
            cursor.executemany(upsert(["%s"] * len(COLUMNS)), list(map(_values, rows)))

    def last_complete(self) -> int | None:
        """When the last complete export began (ms)."""
        with self._transaction() as cursor:
            found = cursor.execute(f"SELECT began_at FROM {RUNS}").fetchone()  # noqa: S608
        return milliseconds(found[0]) if found else None

    def complete(self, began_at: int) -> None:
        """Note that an export which began then (ms) has seen everything."""
        noted = f"INSERT INTO {RUNS} VALUES (1, %s) ON CONFLICT (only_row) DO UPDATE SET began_at = excluded.began_at"  # noqa: S608
        with self._transaction() as cursor:
            cursor.execute(noted, (moment(began_at),))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _create(self) -> None:
        """Create the tables unless they are there, which takes no right to create any."""
        with self._transaction() as cursor:
            if self._has(cursor, TABLE) and self._has(cursor, RUNS):
                return
        with self._transaction() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
            if not self._has(cursor, TABLE):
                cursor.execute(create_table(TYPES))
                cursor.execute(create_index())
            if not self._has(cursor, RUNS):
                cursor.execute(create_runs(TYPES[Kind.INSTANT]))

    @staticmethod
    def _has(cursor: psycopg.Cursor[Any], table: str) -> bool:
        found = cursor.execute("SELECT to_regclass(%s)", (table,)).fetchone()
        return found is not None and found[0] is not None

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Cursor[Any]]:
        with _postgresql_answers(), self._bounded(), self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {_STATEMENT}")
            yield cursor

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Hang up on a server that is silent: libpq would wait for as long as the server's host confirms that it is there."""
        with socket.socket(fileno=os.dup(self._connection.fileno())) as line:
            timer = Timer(self._silence, line.shutdown, (socket.SHUT_RDWR,))
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()
                timer.join()


def _options(url: str, password: str | None) -> dict[str, Any]:
    """What to connect with. Raises ``WrongTarget``."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whose text may quote the URL
        given = None
    if given is None:
        raise WrongTarget("is not an address of PostgreSQL that libpq understands")
    if password is not None and given.get("password"):
        raise WrongTarget("holds a password, and SMSRELAY_EXPORT_PASSWORD is set, too; give one of them")
    return _BOUNDS | given | ({} if password is None else {"password": password})


def _values(row: Row) -> list[Any]:
    return [_value(column.kind, getattr(row, column.name)) for column in COLUMNS]


def _value(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind is Kind.INSTANT:
        return moment(value)
    return Jsonb(value) if kind is Kind.JSON else value


@contextmanager
def _postgresql_answers() -> Iterator[None]:
    try:
        yield
    except _PERMANENT as error:
        raise WrongTarget(f"PostgreSQL refuses ({_said(error)})") from None
    except psycopg.Error as error:
        raise TargetUnavailable(f"PostgreSQL did not answer ({_said(error)})") from None


def _said(error: psycopg.Error) -> str:
    """The server's or libpq's reason, without what it quotes, which may be a value or a part of the URL."""
    primary = error.diag.message_primary
    if primary is None:
        first = next(iter(str(error).splitlines()), "")
        primary = first.rpartition(": ")[2].strip() or type(error).__name__
    shown = _QUOTED.sub(lambda found: found[0] if found[1] in _OURS else '"…"', primary)
    return f"{shown}, SQLSTATE {error.sqlstate}" if error.sqlstate else shown

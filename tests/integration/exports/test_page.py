"""The SQL of docs/export.md and docs/privacy.md, on real databases."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from smsrelay.enqueue import Enqueuer
from smsrelay.store.records import Records
from tests.integration.exports.places import PostgresqlPlace, SqlitePlace
from tests.support.final_messages import RECIPIENT, cancel, failed
from tests.support.messages import job
from tests.support.pages import blocks
from tests.support.postgresql import Postgresql
from tests.support.shell import Shell

CREATE, BY_DAY, REASONS, LATENCY, REPORTS = blocks("docs/export.md", "sql")
[BY_DAY_SQLITE] = blocks("docs/export.md", "sqlite")
[FORGET] = blocks("docs/privacy.md", "sql")


@pytest.fixture
def messages(door: Enqueuer, store: Records) -> None:
    """A code that failed and one that was cancelled."""
    failed(door, store, lane="otp")
    cancel(store, door.enqueue(job(lane="otp")).message_id)


def test_the_questions_are_answered_by_tables_that_were_created_by_hand(
    messages: None, valkey_url: str, tmp_path: Path, postgresql: Postgresql
) -> None:
    place = PostgresqlPlace(postgresql, tmp_path)
    postgresql.run(CREATE)
    assert Shell(tmp_path, {"SMSRELAY_STORE_URL": valkey_url, **place.variables}).run("export").code == 0
    [(day, codes, undelivered, percent)] = postgresql.rows(BY_DAY)
    assert (type(day), codes, undelivered, percent) == (date, 2, 2, 100)
    assert postgresql.rows(REASONS) == [("i005", "default", 1, 1)]
    assert (postgresql.rows(LATENCY), postgresql.rows(REPORTS)) == ([], [])
    postgresql.run(FORGET.replace("DIGEST", RECIPIENT))
    assert [row["recipient"] for row in place.rows()] == [None, None]


def test_sqlite_answers_codes_undelivered_by_day(messages: None, valkey_url: str, tmp_path: Path) -> None:
    place = SqlitePlace(tmp_path)
    assert Shell(tmp_path, {"SMSRELAY_STORE_URL": valkey_url, **place.variables}).run("export").code == 0
    with closing(sqlite3.connect(place.path)) as database:
        [(day, *counts)] = database.execute(BY_DAY_SQLITE).fetchall()
    assert date.fromisoformat(day)
    assert counts == [2, 2, 100.0]

"""``smsrelay export`` into a real PostgreSQL: rights, passwords, and a server that is away, silent, or has other tables."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from smsrelay.enqueue import Enqueuer
from smsrelay.store.records import Records
from smsrelay_worker.exports.postgresql import PostgresqlTarget
from smsrelay_worker.exports.target import TargetUnavailable
from tests.integration.exports.places import Place, PostgresqlPlace
from tests.support.final_messages import failed
from tests.support.postgresql import ENCODED, OWNER, PASSWORD, Postgresql
from tests.support.shell import Shell


@pytest.fixture
def shell(postgresql: Postgresql, tmp_path: Path, shell_to: Callable[[Place], Shell]) -> Shell:
    return shell_to(PostgresqlPlace(postgresql, tmp_path))


@pytest.fixture
def writer(postgresql: Postgresql) -> Iterator[str]:
    """The address of a user who may write our tables and create none."""
    postgresql.run("CREATE USER writer PASSWORD 'writer'; REVOKE CREATE ON SCHEMA public FROM public")
    yield f"postgresql://writer:writer@127.0.0.1:{postgresql.port}/postgres"
    postgresql.run("DROP OWNED BY writer; DROP USER writer")


def test_the_password_may_be_in_the_address_and_is_never_printed(shell: Shell, postgresql: Postgresql) -> None:
    address = postgresql.url.replace(OWNER, f"{OWNER}:{ENCODED}")
    both = shell.run("export", "--to", address)
    assert both.code == 2
    assert "SMSRELAY_EXPORT_PASSWORD is set, too" in both.errors
    shell.set("SMSRELAY_EXPORT_PASSWORD_FILE", "")
    right, wrong = shell.run("export", "--to", address), shell.run("export", "--to", address.replace("tests", "rest"))
    assert (right.code, wrong.code) == (0, 3)
    assert "password authentication failed" in wrong.errors
    for said in (both, right, wrong):
        assert PASSWORD not in said.errors + said.output
        assert ENCODED not in said.errors + said.output
        assert "rest" not in said.errors


def test_the_tables_are_created_once_and_then_need_no_right_to_create(
    shell: Shell, postgresql: Postgresql, writer: str, door: Enqueuer, store: Records
) -> None:
    shell.set("SMSRELAY_EXPORT_PASSWORD_FILE", "")
    refused = shell.run("export", "--to", writer)
    assert refused.code == 2
    assert "permission denied for schema public" in refused.errors
    shell.set("SMSRELAY_EXPORT_PASSWORD", PASSWORD)
    assert shell.run("export").code == 0
    postgresql.run("GRANT SELECT, INSERT, UPDATE ON smsrelay_messages, smsrelay_export TO writer")
    failed(door, store)
    shell.set("SMSRELAY_EXPORT_PASSWORD", "")
    assert shell.run("export", "--to", writer).output.startswith("1 exported")


def test_a_number_stays_when_the_store_has_it_no_more(
    shell: Shell, postgresql: Postgresql, door: Enqueuer, store: Records
) -> None:
    failed(door, store)
    shell.run("export", "--numbers")
    postgresql.run("UPDATE smsrelay_messages SET revision = revision - 1")
    assert shell.run("export").output.startswith("1 exported")
    assert postgresql.rows("SELECT number FROM smsrelay_messages") == [("+8613800138000",)]


def test_an_address_where_nobody_listens_is_unavailable(shell: Shell) -> None:
    ended = shell.run("export", "--to", "postgresql://relay@127.0.0.1:1/postgres")
    assert ended.code == 3
    assert ended.errors.startswith("Error: PostgreSQL did not answer (")
    assert "refused" in ended.errors


def test_a_server_that_is_stopped_is_unavailable_within_a_bound(shell: Shell, postgresql: Postgresql) -> None:
    postgresql.process.send_signal(signal.SIGSTOP)
    try:
        ended = shell.run("export", "--to", f"{postgresql.url}?connect_timeout=2")
    finally:
        postgresql.process.send_signal(signal.SIGCONT)
    assert ended.code == 3
    assert "PostgreSQL did not answer" in ended.errors


def test_a_server_that_falls_silent_in_the_middle_is_given_up(postgresql: Postgresql) -> None:
    with closing(PostgresqlTarget(postgresql.url, PASSWORD, silence=1.0)) as target:
        [(backend,)] = postgresql.rows("SELECT pid FROM pg_stat_activity WHERE application_name = 'smsrelay export'")
        os.kill(backend, signal.SIGSTOP)
        try:
            with pytest.raises(TargetUnavailable, match="PostgreSQL did not answer"):
                target.known([("018f0000-0000-7000-8000-000000000000", 1)])
        finally:
            os.kill(backend, signal.SIGCONT)


def test_a_table_without_our_columns_is_refused_and_left_alone(
    shell: Shell, postgresql: Postgresql, door: Enqueuer, store: Records
) -> None:
    postgresql.run("CREATE TABLE smsrelay_messages (message_id text, note text)")
    failed(door, store)
    ended = shell.run("export")
    assert ended.code == 2
    assert '"accepted_at" does not exist' in ended.errors.replace("column ", "")
    assert postgresql.rows("SELECT count(*) FROM smsrelay_messages") == [(0,)]


def test_a_value_that_the_database_refuses_is_not_quoted(
    shell: Shell, postgresql: Postgresql, door: Enqueuer, store: Records
) -> None:
    shell.run("export")
    postgresql.run("ALTER TABLE smsrelay_messages ADD CHECK (reference <> 'a secret order')")
    failed(door, store, app="shop", reference="a secret order")
    ended = shell.run("export")
    assert ended.code == 2
    assert "violates check constraint" in ended.errors
    assert "secret" not in ended.errors


def test_another_schema_is_chosen_in_the_address(shell: Shell, postgresql: Postgresql, door: Enqueuer, store: Records) -> None:
    postgresql.run("CREATE SCHEMA history")
    failed(door, store)
    try:
        ended = shell.run("export", "--to", f"{postgresql.url}?options=-csearch_path%3Dhistory")
        assert (ended.code, postgresql.rows("SELECT count(*) FROM history.smsrelay_messages")) == (0, [(1,)])
        with pytest.raises(psycopg.errors.UndefinedTable):
            postgresql.rows("SELECT 1 FROM public.smsrelay_messages")
    finally:
        postgresql.run("DROP SCHEMA history CASCADE")

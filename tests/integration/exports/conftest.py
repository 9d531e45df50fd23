"""A PostgreSQL for the run, and the command as a shell runs it, exporting to each kind of place."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.exports.places import NdjsonPlace, Place, PostgresqlPlace, SqlitePlace
from tests.support.messages import NUMBER_KEY
from tests.support.postgresql import Postgresql, running_postgresql
from tests.support.shell import Shell


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Postgresql]:
    with running_postgresql() as server:
        yield server


@pytest.fixture
def postgresql(postgresql_server: Postgresql) -> Postgresql:
    """The server without tables of ours."""
    postgresql_server.run("DROP TABLE IF EXISTS smsrelay_messages, smsrelay_export")
    return postgresql_server


@pytest.fixture(params=["ndjson", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "postgresql":
        return PostgresqlPlace(request.getfixturevalue("postgresql"), tmp_path)
    return {"ndjson": NdjsonPlace, "sqlite": SqlitePlace}[request.param](tmp_path)


@pytest.fixture
def shell_to(valkey_url: str, tmp_path: Path) -> Callable[[Place], Shell]:
    """A shell whose exports go to a place."""
    return lambda place: Shell(tmp_path, {"SMSRELAY_STORE_URL": valkey_url, **place.variables})


@pytest.fixture
def shell(place: Place, shell_to: Callable[[Place], Shell]) -> Shell:
    return shell_to(place)


@pytest.fixture
def keyed(valkey_url: str, tmp_path: Path) -> Shell:
    """A shell for the other commands."""
    variables = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_BROKER_URL": valkey_url, "SMSRELAY_NUMBER_KEYS": NUMBER_KEY}
    return Shell(tmp_path, variables)

"""Two console processes for the tests of a file, one of which may change things, on a database that each test finds empty."""

from collections.abc import Iterator

import pytest

from tests.support.console_process import Console, Visitor, running_console
from tests.support.messages import NUMBER_KEY


def environment(url: str, **more: str) -> dict[str, str]:
    return {"SMSRELAY_STORE_URL": url, "SMSRELAY_BROKER_URL": url, "SMSRELAY_NUMBER_KEYS": NUMBER_KEY} | more


@pytest.fixture(scope="module")
def read_only_console(valkey_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(environment(f"{valkey_server}/0"), tmp_path_factory.mktemp("console") / "console.log") as console:
        yield console


@pytest.fixture(scope="module")
def acting_console(valkey_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    log = tmp_path_factory.mktemp("acting") / "console.log"
    with running_console(environment(f"{valkey_server}/0"), log, "--actions") as console:
        yield console


@pytest.fixture
def reader(read_only_console: Console, valkey_url: str) -> Visitor:
    """Somebody signed in where nothing can be changed."""
    return read_only_console.operator()


@pytest.fixture
def operator(acting_console: Console, valkey_url: str) -> Visitor:
    """Somebody signed in where things can be changed."""
    return acting_console.operator()

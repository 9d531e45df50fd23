"""One API process for the tests of a file, on a database that is emptied before each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smsrelay.store.connection import StoreRedis
from tests.support.api_process import NUMBER_KEY, Api, a_key, running_api

_APPS = """
[quoted]
quota = { minute = 2, day = 3 }
"""


def environment(url: str, **more: str) -> dict[str, str]:
    return {"SMSRELAY_STORE_URL": url, "SMSRELAY_BROKER_URL": url, "SMSRELAY_NUMBER_KEYS": NUMBER_KEY} | more


@pytest.fixture(scope="module")
def running(valkey_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("api")
    apps = folder / "apps.toml"
    apps.write_text(_APPS, encoding="utf-8")
    with running_api(environment(f"{valkey_server}/0", SMSRELAY_APPS=str(apps)), folder / "api.log") as api:
        yield api


@pytest.fixture
def api(running: Api, valkey_url: str) -> Api:
    """The process, with an empty store."""
    return running


@pytest.fixture
def key(redis: StoreRedis) -> str:
    """A live key of the app ``shop``."""
    return a_key(redis)

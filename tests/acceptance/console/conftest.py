"""One server, one console and one browser for all tests of a file."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay_worker.local.stack import free_port
from tests.acceptance.console.pages import sign_in
from tests.acceptance.console.scene import APPS, Scene, Stage
from tests.support.browser import Browser, chromium
from tests.support.console_process import Console, running_console
from tests.support.messages import NUMBER_KEY
from tests.support.valkey import running_valkey


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("console")


@pytest.fixture(scope="package")
def environment(folder: Path) -> Iterator[Mapping[str, str]]:
    """The settings of a console, over an empty server of its own."""
    apps = folder / "apps.toml"
    apps.write_text(APPS, "utf-8")
    with running_valkey(free_port(), folder / "valkey") as server:
        url = f"{server}/0"
        yield {
            "SMSRELAY_STORE_URL": url,
            "SMSRELAY_BROKER_URL": url,
            "SMSRELAY_NUMBER_KEYS": NUMBER_KEY,
            "SMSRELAY_APPS": str(apps),
        }


@pytest.fixture(scope="package")
def redis(environment: Mapping[str, str]) -> Iterator[StoreRedis]:
    with open_store(StoreAddress(environment["SMSRELAY_STORE_URL"])) as client:
        yield client


@pytest.fixture(scope="package")
def stage(redis: StoreRedis, environment: Mapping[str, str]) -> Stage:
    return Stage(redis, environment["SMSRELAY_BROKER_URL"])


@pytest.fixture(scope="package")
def scene(stage: Stage) -> Scene:
    return stage.set()


@pytest.fixture(scope="package")
def console(environment: Mapping[str, str], scene: Scene, folder: Path) -> Iterator[Console]:
    """One that may act."""
    with running_console(environment, folder / "console.log", "--actions") as running:
        yield running


@pytest.fixture(scope="package")
def window(console: Console, folder: Path) -> Iterator[Browser]:
    with ExitStack() as stack:
        opened = stack.enter_context(chromium(folder))
        sign_in(opened, console.url)
        yield opened


@pytest.fixture
def browser(window: Browser, console: Console) -> Iterator[Browser]:
    """Signed in, in English; whatever a test does, nothing but the console was asked, and nothing was complained about."""
    window.driver.delete_cookie("lang")
    window.asked()
    window.complaints()
    yield window
    assert [url for url in window.asked() if not url.startswith(console.url)] == []
    assert window.complaints() == []

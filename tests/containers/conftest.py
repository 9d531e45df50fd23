"""One engine, one image and one relay for all tests here; each test finds the relay up and healthy.

As root on Debian, with namespaces. Elsewhere the tests are skipped and say why; with CI=true they fail.
"""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests.containers import packages
from tests.containers.base_images import import_all, make_root
from tests.containers.engine import Engine, NamespacesMissing
from tests.containers.package_index import URL, index_served, make_index
from tests.containers.relay import Relay
from tests.support.pages import ROOT

# How a build reaches the package index, which is on the engine's host.
_BUILD = """
services:
  worker: {build: {network: host}}
"""
_KEYS = ("REDIS_PASSWORD", "SMSRELAY_NUMBER_KEYS", "SMSRELAY_CALLBACK_KEYS")
_began = time.monotonic()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What ends the engine comes last."""
    items.sort(key=lambda item: item.path.name == "test_engine.py")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A line a test, for whoever waits."""
    if report.when == "call" or report.failed:
        name = report.nodeid.partition("::")[2].removeprefix("test_").replace("_", " ")
        print(f"\n{time.monotonic() - _began:5.0f} s  {report.outcome}  {name} ({report.duration:.1f} s)")


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="smsrelay-containers-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def engine(folder: Path) -> Iterator[Engine]:
    if os.geteuid() != 0 or not Path("/usr/bin/apt-get").exists():
        _impossible("the container tests need root, and the packages of Debian")
    packages.install()
    packages.compose(folder / "docker")
    try:
        engine = Engine(folder)
    except NamespacesMissing as error:
        _impossible(f"the container tests need namespaces of their own: {error}")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def project(engine: Engine, folder: Path) -> Iterator[Relay]:
    """The demo, its base images and its package index made, nothing built."""
    kept = os.environ.get("CONTAINERS_ROOT")  # a root that outlives the run, to develop these tests
    root = Path(kept or folder / "root")
    if not (root / "usr").exists():
        make_root(root)
    import_all(engine, root, folder / "layers")
    shutil.rmtree(folder / "layers")
    (folder / "build.yml").write_text(_BUILD, "utf-8")
    demo = {name: value or "" for name, value in dotenv_values(ROOT / ".env.demo.example").items()}
    demo |= {name: secrets.token_hex(32) for name in _KEYS}  # `doctor` warns of the demo's
    files = f"docker-compose.yml:{folder / 'build.yml'}"
    with index_served(engine, make_index(folder)):
        yield Relay(engine, folder / "project", demo | {"COMPOSE_FILE": files, "PIP_INDEX_URL": URL})


@pytest.fixture(scope="session")
def built(project: Relay) -> Relay:
    """The same, with its image."""
    project.compose("build", timeout=600)
    return project


@pytest.fixture(scope="session")
def started(built: Relay) -> Iterator[Relay]:
    built.up()
    yield built
    built.compose("down", "--volumes", "--timeout", "5", check=False)


@pytest.fixture
def relay(started: Relay) -> Relay:
    """The relay, whole again after the test before, and so is its engine."""
    started.engine.revive()
    if not started.healthy():
        started.up("--remove-orphans")
    return started


def _impossible(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)

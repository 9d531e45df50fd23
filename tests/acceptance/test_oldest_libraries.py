"""The enqueuing side on the oldest kombu and redis-py that pyproject.toml allows, as an app on Celery 5.4 has them.

All other tests run on the newest ones. Both are put in front of what is installed, without their dependencies.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.pages import ROOT, text_of

CELERY = "celery==5.4.0"  # reads what is published, as the app's own worker would
PARTS = [
    "tests/unit/broker",
    "tests/integration/broker/test_publisher.py",
    "tests/integration/broker/test_publisher_outage.py",
    "tests/integration/enqueue/test_async_enqueue.py",
    "tests/integration/enqueue/test_enqueue.py",
    "tests/integration/enqueue/test_enqueue_at_once.py",
    "tests/integration/enqueue/test_enqueue_many.py",
    "tests/integration/enqueue/test_lookups.py",
    "tests/integration/enqueue/test_time_limit.py",
    "tests/integration/servers/failover/test_sentinels.py::test_one_call_outlives_the_loss_of_the_primary",
    "tests/integration/store/test_inbox.py",
]
VERSIONS = "import kombu, redis, celery; print(kombu.__version__, redis.__version__, celery.__version__)"


def oldest(name: str) -> str:
    """The lower bound of a dependency, as a version of its own."""
    wanted = tomllib.loads(text_of("pyproject.toml"))["project"]["dependencies"]
    [bound] = [found[1] for one in wanted if (found := re.match(rf"{name}(?:\[\w+\])?>=([\d.]+)", one))]
    return f"{name}=={bound}"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("oldest")
    wanted = [oldest("kombu"), oldest("redis"), CELERY]
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"]
    subprocess.run([*install, "--target", str(folder), *wanted], check=True)
    return os.environ | {"PYTHONPATH": str(folder)}


def test_the_oldest_are_what_is_imported(environment: dict[str, str]) -> None:
    printed = subprocess.run([sys.executable, "-c", VERSIONS], env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.split() == [one.partition("==")[2] for one in (oldest("kombu"), oldest("redis"), CELERY)]


def test_the_enqueuing_side_passes_its_tests_on_the_oldest(environment: dict[str, str], tmp_path: Path) -> None:
    alone = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'run'}"]
    ended = subprocess.run([*command, *PARTS], cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]

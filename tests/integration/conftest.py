"""A real Valkey server for the whole run, empty at the start of every test.

Enters: a free port and a folder of the run. Leaves: its URL, and a client. Fails when the server does not answer in ten seconds.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

_PATIENCE = 10.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of the run: its URL without a database number."""
    port = free_port()
    command = [sys.executable, "-m", "worker.embedded", str(port), str(tmp_path_factory.mktemp("valkey"))]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as server:
        try:
            _wait_until_it_answers(port, server)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.kill()


@pytest.fixture
def valkey_url(valkey_server: str) -> str:
    """The URL of an empty database."""
    url = f"{valkey_server}/0"
    with Redis.from_url(url) as client:
        client.flushall()
    return url


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Redis]:
    """A client of the same database, answering in text."""
    with Redis.from_url(valkey_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def closed_port() -> int:
    """A port at which nobody answers."""
    return free_port()


def _wait_until_it_answers(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    with Redis(port=port) as client:
        while True:
            try:
                client.ping()
            except RedisConnectionError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

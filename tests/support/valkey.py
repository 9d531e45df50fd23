"""A real Valkey server in its own process.

Takes a port and a folder for its append-only log. Gives a server that answers, and kills it on leaving the context; a new server
on the same folder has the old one's data. Fails if the server does not answer within 10 s.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from smsrelay.store.connection import StoreRedis
from tests.support.waiting import eventually

_PATIENCE = 10.0
_ROOT = Path(__file__).parents[2]


@contextmanager
def running_valkey(port: int, folder: Path) -> Iterator[str]:
    """Its URL without a database number."""
    command = [sys.executable, "-m", "smsrelay_worker.local.embedded_valkey", str(port), str(folder)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL) as server:
        try:
            _wait_until_it_answers(port, server)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.kill()


def _wait_until_it_answers(port: int, server: "subprocess.Popen[bytes]") -> None:
    with Redis(port=port) as client:
        eventually(lambda: _answers(client, server), "the server answers", _PATIENCE)


def _answers(client: StoreRedis, server: "subprocess.Popen[bytes]") -> bool:
    try:
        return bool(client.ping())
    except RedisConnectionError:
        if server.poll() is not None:
            raise
        return False

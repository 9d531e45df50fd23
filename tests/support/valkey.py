"""A real Valkey server as a process of its own.

Enters: a port and a folder for its log of writes. Leaves: a server that answers; it is killed on leaving the context, and a new
one on the same folder has what the old one had. Fails when it does not answer in ten seconds.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

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

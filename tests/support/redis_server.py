"""Debian's redis-server as a process: with TLS, on a socket, with users, not all of which the embedded Valkey can do.

Takes a folder and options of its configuration; the server runs until the context ends. Where it is not installed and cannot be,
tests skip; in CI they fail.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.waiting import eventually

_PATIENCE = 10.0


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start one that listens where ``options`` say; it takes connections at once."""
    installed_or_skipped()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "redis.log"
    durable = ("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction")
    command = ["redis-server", "--bind", "127.0.0.1", "--dir", str(folder), "--logfile", str(log), *durable, *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            _wait(server, log)
            yield server
        finally:
            server.kill()


def installed_or_skipped() -> None:
    """Make sure that redis-server is installed, or end the test."""
    if shutil.which("redis-server") or _installed_now():
        return
    if os.environ.get("CI"):
        pytest.fail("redis-server is not installed and cannot be")
    pytest.skip("needs redis-server of Debian, or the right to install it")


def _installed_now() -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    noninteractive = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "redis-server", "openssl"]):
        if subprocess.run(["apt-get", *command], env=noninteractive, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return False
    return shutil.which("redis-server") is not None


def _wait(server: "subprocess.Popen[bytes]", log: Path) -> None:
    eventually(lambda: _is_ready(server, log), "redis-server accepts connections", _PATIENCE)


def _is_ready(server: "subprocess.Popen[bytes]", log: Path) -> bool:
    said = log.read_text("utf-8", "replace") if log.exists() else ""
    if server.poll() is not None:
        raise RuntimeError("redis-server did not come up:\n" + said)
    return "eady to accept connections" in said

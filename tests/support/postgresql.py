"""A PostgreSQL server of our own: Debian's, started on a free port in a folder of its own, with a password.

Yields a ``Postgresql``; the server ends with the context. It refuses to run as root, so root starts it as Debian's user
``postgres``. Where it is not installed and cannot be, tests skip; in CI they fail.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smsrelay_worker.local.stack import free_port
from tests.support.waiting import eventually

PASSWORD = "p@ss: word/of the tests%"
ENCODED = "p%40ss%3A%20word%2Fof%20the%20tests%25"
OWNER = "relay"
_INSTALLED = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Postgresql:
    """A server; ``url`` names no password."""

    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/postgres"

    @contextmanager
    def connected(self) -> Iterator[psycopg.Connection[Any]]:
        """As the owner; every statement is committed."""
        with psycopg.connect(self.url, password=PASSWORD, autocommit=True) as connection:
            yield connection

    def run(self, statement: str) -> None:
        with self.connected() as connection:
            connection.execute(statement)

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        with self.connected() as connection:
            return connection.execute(question).fetchall()


@contextmanager
def running_postgresql() -> Iterator[Postgresql]:
    """Start one; it answers at once."""
    programs = _programs()
    user = pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else os.geteuid()
    folder = Path(tempfile.mkdtemp(prefix="postgresql"))  # not pytest's, into which another user cannot look
    os.chown(folder, user, -1)
    port = free_port()
    try:
        with _started(programs, folder, user, port) as process:
            yield Postgresql(port, process)
    finally:
        shutil.rmtree(folder)


@contextmanager
def _started(programs: Path, folder: Path, user: int, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    secret = folder / "password"
    secret.write_text(PASSWORD, "utf-8")
    os.chown(secret, user, -1)
    made = [programs / "initdb", "-D", folder / "data", "-U", OWNER, "-A", "scram-sha-256", "--pwfile", secret, "--no-sync"]
    subprocess.run([*made, "-E", "UTF8", "--locale", "C"], user=user, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    options = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off"]
    command = [programs / "postgres", "-D", folder / "data", *(part for one in options for part in ("-c", one))]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, user=user, cwd=folder, stderr=log) as process:
        try:
            eventually(lambda: _answers(port, process), "PostgreSQL answers")
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGQUIT)  # to its children, too, which a kill would leave


def _answers(port: int, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "PostgreSQL has ended"
    try:
        psycopg.connect(f"postgresql://{OWNER}@127.0.0.1:{port}/postgres", password=PASSWORD, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _programs() -> Path:
    """Where initdb and postgres are, or the test ends."""
    found = _installed() or (_installed() if _installed_now() else None)
    if found is None:
        reason = "needs postgresql of Debian, or the right to install it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return found


def _installed() -> Path | None:
    return next((path.parent for path in sorted(_INSTALLED.glob("*/bin/postgres"))), None)


def _installed_now() -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    noninteractive = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    commands = (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "postgresql"])
    ended = (subprocess.run(["apt-get", *one], env=noninteractive, stdout=subprocess.DEVNULL, check=False) for one in commands)
    return all(one.returncode == 0 for one in ended)

"""A RabbitMQ node of our own: installed if possible, started on free ports in a folder, stopped, killed and restarted there.

Takes a folder; yields its URL. Node and port mapper end with the context. Raises ``RuntimeError`` if the node does not answer in
two minutes. Without RabbitMQ, and without the right to install Debian's package, tests skip; in CI they fail.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from amqp import Connection
from amqp.exceptions import AMQPError

from smsrelay_worker.local.stack import free_port

_BIN = Path("/usr/lib/rabbitmq/bin")  # the scripts in the path of Debian become another user first
_SERVER = _BIN / "rabbitmq-server"
_START = 120.0  # seconds
_STOP = 60.0
_MEMORY = "1GB"
_CONFIG = (
    """\
listeners.tcp.default = 127.0.0.1:{port}
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = """
    + _MEMORY
    + """
log.console = true
log.file = false
"""
)


@dataclass
class RabbitMQ:
    """One node; its queues outlive ``kill`` and ``stop``."""

    folder: Path
    port: int = field(default_factory=free_port)
    more: str = ""  # lines of configuration
    _dist: int = field(default_factory=free_port)
    _epmd: int = field(default_factory=free_port)
    _server: subprocess.Popen[bytes] | None = None
    _mapper: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return f"smsrelay{self.port}@localhost"

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def command(self) -> list[str]:
        """What starts it, once it is prepared, in ``environment`` and in a session of its own."""
        return [str(_SERVER)]

    def prepare(self) -> None:
        """Write its configuration and start its port mapper."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "rabbitmq.conf"
        config.write_text(_CONFIG.format(port=self.port) + self.more, encoding="ascii")
        if self._mapper is None:
            mapper = ["epmd", "-port", str(self._epmd), "-address", "127.0.0.1"]
            self._mapper = subprocess.Popen(mapper, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.prepare()
        with (self.folder / "rabbitmq.log").open("ab") as log:
            # A session of its own: the script, the node and the node's helpers end together.
            self._server = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait()

    def stop(self) -> None:
        """Stop it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait()
            self._mapper = None

    def control(self, *arguments: str) -> str:
        """Run ``rabbitmqctl`` against it, and say what it said."""
        command = [str(_BIN / "rabbitmqctl"), "-n", self.name, "-q", *arguments]
        return subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, check=True, text=True).stdout

    def close_connections(self) -> None:
        """Close every client's connection, and wait until they are closed: the command only asks for it."""
        self.control("close_all_connections", "for the test")
        until = time.monotonic() + _STOP
        while self.control("list_connections", "--no-table-headers", "pid").strip():
            if time.monotonic() > until:
                raise RuntimeError("RabbitMQ keeps connections that it was told to close")

    def settle(self) -> None:
        """Write down which queues there are: one declared half a second before a power cut is without a leader for good."""
        self.control("eval", "[dets:sync(Table) || Table <- dets:all()].")

    @contextlib.contextmanager
    def alarmed(self) -> Iterator[None]:
        """Its memory alarm is on: it reads no more of what publishers send."""
        self.control("set_vm_memory_high_watermark", "absolute", "1MB")
        try:
            yield
        finally:
            self.control("set_vm_memory_high_watermark", "absolute", _MEMORY)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and bytes, and does nothing."""
        assert self._server is not None
        os.killpg(self._server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._server.pid, signal.SIGCONT)

    def answers(self) -> bool:
        try:
            with self.connection():
                return True
        except (OSError, AMQPError):
            return False

    def connection(self) -> Connection:
        """A plain connection, beside the product's own."""
        return Connection(f"127.0.0.1:{self.port}", connect_timeout=5, read_timeout=30)

    def _end(self, number: signal.Signals) -> None:
        if self._server is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._server.pid, number)
        try:
            self._server.wait(_STOP)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server = None

    def _wait(self) -> None:
        until = time.monotonic() + _START
        while not self.answers():
            if self._server is None or self._server.poll() is not None or time.monotonic() > until:
                raise RuntimeError("RabbitMQ did not come up:\n" + (self.folder / "rabbitmq.log").read_text("utf-8")[-3000:])
            time.sleep(0.1)

    @property
    def environment(self) -> dict[str, str]:
        """Its variables: whatever it writes, it writes to its folder."""
        folder = str(self.folder)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        return ours | {
            "HOME": folder,
            "ERL_EPMD_PORT": str(self._epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "ERL_CRASH_DUMP": str(self.folder / "erl_crash.dump"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2 -kernel inet_dist_use_interface {127,0,0,1}",
        }


@contextlib.contextmanager
def running_rabbitmq(folder: Path, more: str = "") -> Iterator[RabbitMQ]:
    """Start one node; ``more`` are lines of configuration."""
    installed_or_skipped()
    node = RabbitMQ(folder, more=more)
    try:
        node.start()
        yield node
    finally:
        node.close()


def installed_or_skipped() -> None:
    """Make sure that RabbitMQ is installed, or end the test."""
    if installed():
        return
    if os.environ.get("CI"):
        pytest.fail("RabbitMQ is not installed and cannot be; install rabbitmq-server")
    pytest.skip("needs rabbitmq-server of Debian, or the right to install it")


def installed() -> bool:
    """Whether it is there, or could be installed just now."""
    return _SERVER.exists() or _installed_now()


def _installed_now() -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    noninteractive = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "rabbitmq-server"]):
        if subprocess.run(["apt-get", *command], env=noninteractive, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return False
    return _SERVER.exists()

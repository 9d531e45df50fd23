"""The stage: the whole relay as real processes, a proxy on every connection between them, and a simulator no fault can reach.

    app ──▶ store ◀── workers ──────────────▶ simulator          ▶ and ◀ between app, workers, receivers and the
                       workers ◀── broker ◀── receivers ◀── ┘      Valkey server, and before the receivers, pass the proxy

The broker is the same Valkey server, or a RabbitMQ node. Each worker has its own route to the store.

Takes a folder and the number of processes; gives the running parts, their settings, and a store read directly, bypassing the
proxy. Raises ``RuntimeError`` when a part does not come up.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from smsrelay.broker.queues import QUEUES
from smsrelay.settings import PREFIX
from smsrelay.store import keys
from smsrelay_worker.cli.processes import GREEN
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.settings import WorkerSettings
from tests.chaos.faults.store_errors import mend
from tests.chaos.sinks.parts import SinkParts
from tests.chaos.stage.gate import Gate
from tests.chaos.stage.grip import Grip, read_grips
from tests.chaos.stage.node import Node, rabbitmq_url
from tests.chaos.stage.observer import as_observer, observer_url, valkey_with_observer
from tests.chaos.stage.part import ROOT, Killed, Part
from tests.chaos.stage.receiving import receiver_answers, reports_in
from tests.chaos.stage.size import USUAL, Size
from tests.chaos.windows import CONNECT_TIMEOUT, READ_TIMEOUT, short_policy
from tests.support.processes import PARENT, pids
from tests.support.simulator_client import Simulator
from tests.support.simulator_process import running_simulator

_SUPERVISE = 0.5  # seconds between checks for processes that exited by themselves
_READY = 30.0
_WORKER_READY = 60.0  # seconds; all processes start at once
_COMMAND = 120.0  # seconds a command may take
_NODE_READY = 120.0  # seconds; RabbitMQ is slow to start, more so after a kill


class Stage:
    """Everything that runs. A context manager: no process outlives it."""

    def __init__(
        self, folder: Path, apart: bool, limits: str, node: Node | None = None, size: Size = USUAL, seed: int = 0
    ) -> None:
        """``apart``: the broker is reached on a way of its own, at a URL of its own; else it is the store's, as at a desk.

        ``limits``: the text of the limits file. ``node``: the broker, in Valkey's place; always apart. ``seed``: of how the
        apps' sinks fail.
        """
        self.folder = folder
        self.node = node
        self._limits = limits
        self._broker = "broker" if apart or node else "store"
        self.ended: Counter[str] = Counter()  # parts that ended by themselves
        self._held = folder / "held"
        self._held.mkdir(parents=True, exist_ok=True)
        self._valkey_port = free_port()
        ports = [free_port() for _ in range(size.receivers)]
        broker_port = node.port if node else self._valkey_port
        self._routes = {"broker": [broker_port], "store": [self._valkey_port], "callback": ports}
        self._routes |= {f"store/worker{place}": [self._valkey_port] for place in range(1, size.workers + 1)}
        self.gate = Gate(self._routes)
        self._size = size
        self._ports = ports
        self._seed = seed
        self._environment: dict[str, str] = {}
        self._stopping = threading.Event()
        self.simulator: Simulator
        self.valkey: Part
        self.sinks: SinkParts
        self.workers: list[Part] = []
        self.receivers: list[Part] = []

    @contextlib.contextmanager
    def running(self) -> Iterator["Stage"]:
        """Every part, up while the context lasts."""
        with running_simulator(callback_retries="0.5,2,5,10,20") as simulator:
            self.simulator = simulator
            watch = threading.Thread(target=self._supervise, daemon=True)
            try:
                self._start()
                watch.start()
                yield self
            finally:
                self._stopping.set()
                for part in reversed(self._parts()):
                    part.end()
                if self.node is not None:
                    self.node.end()
                for pid in pids(self.folder, "tests.chaos.stage.observed"):  # their parents were killed
                    with contextlib.suppress(ProcessLookupError):  # it has just ended
                        os.kill(pid, signal.SIGKILL)
                self.gate.stop()

    def settings(self) -> WorkerSettings:
        """Settings of an app on this stage: its store and broker are reached through the proxy, as everybody's."""
        ours = {name: value for name, value in self._environment.items() if name.startswith(PREFIX)}
        return WorkerSettings(_env_file=None, **{name.removeprefix(PREFIX).lower(): value for name, value in ours.items()})

    def redis(self) -> Redis:
        """The store itself, bypassing the proxy and every fault."""
        return as_observer(self._valkey_port)

    def tell(self, way: str, action: str) -> None:
        """``cut``, ``refuse``, ``silence``, ``deafen`` or ``open`` a way: its route, and those of single workers."""
        for route in self._routes:
            if route.partition("/")[0] == way:
                self.gate.tell(route, action)

    def cut_off(self) -> None:
        """Reset every connection to Valkey."""
        for way in ("store", "broker") if self.node is None else ("store",):
            self.tell(way, "cut")

    def route_of(self, worker: Part) -> str:
        """The one on which a worker reaches the store."""
        return f"store/{worker.name}"

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The output of an ``smsrelay`` command run on this stage."""
        given = [sys.executable, "-m", "smsrelay_worker", *arguments]
        return subprocess.run(
            given, cwd=ROOT, env=self._environment, capture_output=True, text=True, timeout=_COMMAND, check=False
        )

    def queued(self) -> int:
        """Tasks queued at the broker or in progress."""
        if self.node is not None:
            return self.node.queued()
        with self.redis() as redis:
            return sum(int(redis.llen(name)) for name in QUEUES) + int(redis.hlen("unacked"))

    def spooled(self) -> int:
        """Reports spooled on the receivers' disks."""
        return sum(reports_in(self.folder / receiver.name) for receiver in self.receivers)

    def unready(self) -> list[str]:
        """Receivers that report not ready."""
        return [receiver.name for receiver, port in zip(self.receivers, self._ports, strict=True) if not receiver_answers(port)]

    def grips(self, kills: Sequence[Killed]) -> list[Grip]:
        """Every time a worker process had a message in hand."""
        ends = {kill.pid: kill.at for kill in kills}
        files = {int(path.name): path.read_text(encoding="ascii") for path in self._held.iterdir()}
        return [grip for pid, text in files.items() for grip in read_grips(text, ends.get(pid), pid)]

    def worker_processes(self) -> list[int]:
        """What works: every child of a worker's parent, and every one that has outlived its parent."""
        parents = set(pids(self.folder, "tests.chaos.stage.observed", PARENT))
        return [pid for pid in pids(self.folder, "tests.chaos.stage.observed") if pid not in parents]

    def stop_workers(self, within: float) -> dict[int, float | None]:
        """Tell every worker to stop; how long each of its processes took in seconds, or None."""
        started, waiting = time.monotonic(), set(self.worker_processes())
        stopping = [threading.Thread(target=worker.terminate, args=(within,)) for worker in self.workers]
        for thread in stopping:
            thread.start()
        took: dict[int, float | None] = dict.fromkeys(waiting)
        while waiting and (elapsed := time.monotonic() - started) < within:
            ended = waiting - set(self.worker_processes())
            took |= dict.fromkeys(ended, elapsed)
            waiting -= ended
            time.sleep(_SUPERVISE)
        for thread in stopping:
            thread.join()
        return took

    def thaw_all(self) -> None:
        """End every fault still in effect, and bring every part up."""
        for route in self._routes:
            self.gate.tell(route, "open")
        for part in self._parts():
            part.thaw_all()
            part.start()
        if self.node is not None:
            _until(self.node.answers, "rabbitmq", _NODE_READY)
        mend(self.redis)
        self.simulator.latency(0)

    def _parts(self) -> list[Part]:
        return [self.valkey, *([self.node.part] if self.node else []), *self.workers, *self.receivers, *self.sinks]

    def _start(self) -> None:
        (self.folder / "policy.toml").write_text(short_policy(), encoding="utf-8")
        (self.folder / "limits.toml").write_text(self._limits, encoding="utf-8")
        self._environment = self._variables()
        apps_broker = rabbitmq_url(self.node.port) if self.node else observer_url(self._valkey_port)
        self.sinks = SinkParts(self.folder, apps_broker, self._seed, self._environment)
        self._environment["SMSRELAY_APPS"] = str(self.sinks.apps_file)
        self.gate.start()
        self.valkey = self._part("valkey", valkey_with_observer(self._valkey_port, self.folder / "valkey"))
        (self.folder / "valkey").mkdir(exist_ok=True)
        self.valkey.start()
        _until(self._valkey_answers, "valkey")
        if self.node is not None:
            self.node.start()
            _until(self.node.answers, "rabbitmq", _NODE_READY)
        for place, port in enumerate(self._ports, 1):
            self.receivers.append(self._receiver(place, port))
        for place in range(1, self._size.workers + 1):
            self.workers.append(self._worker(f"worker{place}"))
        for part in [*self.sinks, *self.receivers, *self.workers]:
            part.start()
        for port in self._ports:
            _until(lambda port=port: receiver_answers(port), "receiver")
        _until(self._published, "a worker", _WORKER_READY)  # what apps cancel from now on is told, and caps hold at the door
        if self.node is not None:
            _until(self.node.declared, "a queue of rabbitmq", _NODE_READY)
            self.node.settle()

    def _part(self, name: str, command: Sequence[str], **more: str) -> Part:
        return Part(name, command, {**self._environment, **more}, self.folder)

    def _receiver(self, place: int, port: int) -> Part:
        data = self.folder / f"receiver{place}"
        data.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "smsrelay_worker", "receiver", "--port", str(port)]
        return self._part(f"receiver{place}", command, SMSRELAY_DATA=str(data))

    def _worker(self, name: str) -> Part:
        command = [sys.executable, *GREEN, "tests.chaos.stage.observed", "--name", name, "--no-events"]
        store = self._store_url(f"store/{name}")
        broker = store if self._broker == "store" else self._broker_url()
        urls = {"SMSRELAY_STORE_URL": store, "SMSRELAY_BROKER_URL": broker}
        return self._part(name, command, CHAOS_HELD=str(self._held), **urls)

    def _variables(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("SMSRELAY_")}
        return own | {
            "SMSRELAY_BROKER_URL": self._broker_url(),
            "SMSRELAY_STORE_URL": self._store_url("store"),
            "SMSRELAY_CALLBACK_URL": f"http://127.0.0.1:{self.gate.port('callback')}",
            "SMSRELAY_VENDOR_URL": self.simulator.url,
            "SMSRELAY_VENDOR_INTL_URL": self.simulator.url,
            "SMSRELAY_APPCODE": "simulator",
            "SMSRELAY_NUMBER_KEYS": secrets.token_hex(16),
            "SMSRELAY_CALLBACK_KEYS": secrets.token_hex(16),
            "SMSRELAY_PAYLOAD_KEYS": secrets.token_hex(16),
            "SMSRELAY_POLICY": str(self.folder / "policy.toml"),
            "SMSRELAY_LIMITS": str(self.folder / "limits.toml"),
            "SMSRELAY_RATE": str(self._size.rate),
            "SMSRELAY_CONCURRENCY": str(self._size.threads),
            "SMSRELAY_CONNECT_TIMEOUT": str(CONNECT_TIMEOUT),
            "SMSRELAY_READ_TIMEOUT": str(READ_TIMEOUT),
            "SMSRELAY_HALT_PROBE": "2",
            "SMSRELAY_DATA": str(self.folder / "data"),
        }

    def _store_url(self, route: str) -> str:
        return f"redis://127.0.0.1:{self.gate.port(route)}/0"

    def _broker_url(self) -> str:
        port = self.gate.port(self._broker)
        return rabbitmq_url(port) if self.node else f"redis://127.0.0.1:{port}/0"

    def _published(self) -> bool:
        with self.redis() as redis:
            return int(redis.exists(keys.SINKS, keys.LIMITS)) == 2

    def _valkey_answers(self) -> bool:
        with self.redis() as redis:
            try:
                return bool(redis.ping())
            except RedisError:
                return False

    def _supervise(self) -> None:
        while not self._stopping.wait(_SUPERVISE):
            for part in self._parts():
                code = part.revive()
                if code is not None:
                    self.ended[f"{part.name} ended by itself with {code}"] += 1


def _until(ready: Callable[[], bool], name: str, within: float = _READY) -> None:
    deadline = time.monotonic() + within
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not come up")
        time.sleep(0.05)

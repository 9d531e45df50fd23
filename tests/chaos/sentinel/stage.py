"""The stage with several hosts: machines with a server and a sentinel each, two of them also with a worker and a receiver.

    m1, m2: server, sentinel, worker, receiver     m3: server, sentinel     a1, a2: an app each
    vendor: simulator, the load balancer in front of both receivers, the apps' webhooks

Broker and store are the same server, which everybody finds through the sentinels. The judge, operators and the reader of the
apps' queues are at the desk, whose way to everybody no fault cuts.

Takes a folder, the text of the limits file, and how many replicas must have a write (``SMSRELAY_STORE_REPLICAS``). Raises
``RuntimeError`` when a part does not come up. For a process that is isolated.
"""

import contextlib
import pickle
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from redis.exceptions import RedisError

from smsrelay.broker.queues import QUEUES
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.cli.processes import GREEN
from tests.chaos.hosts.network import DESK, OUTSIDE, Host, Network
from tests.chaos.load.planned import Batch
from tests.chaos.sentinel.app import Noted, read_notes
from tests.chaos.sentinel.servers import MASTER, Servers
from tests.chaos.sinks.parts import SinkParts
from tests.chaos.stage.ground import OBSERVED, Ground, until
from tests.chaos.stage.observer import NAME
from tests.chaos.stage.part import Part
from tests.chaos.stage.receiving import receiver_answers
from tests.chaos.stage.size import USUAL
from tests.chaos.stage.variables import variables
from tests.chaos.windows import short_policy
from tests.support.simulator_client import Simulator
from tests.support.store_keys import KEYS

_RECEIVER, _SIMULATOR, _CALLBACKS = 8025, 9100, 8100  # ports
_WHOLE = 60.0  # seconds
_READY = 120.0  # seconds; all processes start at once, perhaps on a busy machine


class SentinelStage(Ground):
    """Everything that runs. A context manager: no process outlives it."""

    def __init__(self, folder: Path, limits: str, replicas: int, seed: int) -> None:
        super().__init__(folder)
        self.machines = [Host(f"m{number}", 10 + number) for number in (1, 2, 3)]
        self.app_hosts = [Host(f"a{number}", 20 + number) for number in (1, 2)]
        self.vendor = Host("vendor", 30)
        self.network = Network([*self.machines, *self.app_hosts, self.vendor])
        self.servers = Servers(self.machines, folder)
        self.worker_hosts = self.machines[:2]
        self.apps: list[Part] = []
        self._limits = limits
        self._replicas = replicas
        self._seed = seed
        self._vendor_parts: list[Part] = []
        self._shares: list[list[Batch]] = []

    @contextlib.contextmanager
    def running(self) -> Iterator["SentinelStage"]:
        """Every part, up while the context lasts."""
        watch = threading.Thread(target=self._supervise, daemon=True)
        try:
            self._start()
            watch.start()
            yield self
        finally:
            for app in self.apps:
                app.end()
            self._end_parts()

    def redis(self) -> StoreRedis:
        """The primary's store, over the desk's network."""
        return self.servers.redis()

    def queued(self) -> int:
        """Tasks queued at the broker or in progress."""
        with self.redis() as redis:
            return sum(int(redis.llen(name)) for name in QUEUES) + int(redis.hlen("unacked"))

    def unready(self) -> list[str]:
        """Receivers that report not ready."""
        return [
            receiver.name
            for receiver, host in zip(self.receivers, self.worker_hosts, strict=True)
            if not receiver_answers(_RECEIVER, host.address(DESK))
        ]

    def parts(self) -> list[Part]:
        """Everything that is restarted when it ends by itself; apps end when their plan does."""
        sinks = [*self.sinks] if hasattr(self, "sinks") else []
        return [*self.servers.valkeys, *self.servers.sentinels, *self._vendor_parts, *self.workers, *self.receivers, *sinks]

    def parts_of(self, machine: Host) -> list[Part]:
        """What runs on a machine."""
        return [part for part in self.parts() if part.name.startswith(f"{machine.name}-")]

    def start_apps(self, batches: Sequence[Batch], started: float, seconds: float) -> None:
        """Have the apps play the plan, each every second batch."""
        for place, host in enumerate(self.app_hosts):
            share = list(batches[place :: len(self.app_hosts)])
            self._shares.append(share)
            plan = self.folder / f"{host.name}.plan"
            plan.write_bytes(pickle.dumps(share))
            command = host.command(self._app(host, started, seconds))
            self.apps.append(Part(f"{host.name}-app", command, self._environment, self.folder))
            self.apps[-1].start()

    def noted(self) -> list[Noted]:
        """What each app was answered."""
        return [read_notes(self._notes(host), share) for host, share in zip(self.app_hosts, self._shares, strict=True)]

    def wait_for_apps(self, within: float) -> None:
        """Until they have ended, restarting those that were killed; raises ``RuntimeError`` when they do not."""
        deadline = time.monotonic() + within
        for app in self.apps:
            app.start()
            while app.alive:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{app.name} did not end")
                time.sleep(0.2)

    def thaw_all(self) -> None:
        """End every fault still in effect, and bring every part up."""
        for part in self.parts():
            part.thaw_all()
            part.start()
        self.simulator.latency(0)
        until(self.servers.is_whole, "the topology", _WHOLE)

    def _start(self) -> None:
        (self.folder / "policy.toml").write_text(short_policy(), encoding="utf-8")
        (self.folder / "limits.toml").write_text(self._limits, encoding="utf-8")
        self.network.build()
        self._environment = self._variables()
        desk = f"sentinel://{NAME}:{NAME}@{self.servers.addresses}/0?master={MASTER}"
        self.sinks = SinkParts(self.folder, desk, self._seed, self._environment, self.vendor, OUTSIDE)
        self._environment["SMSRELAY_APPS"] = str(self.sinks.apps_file)
        for part in [*self.servers.valkeys, *self.servers.sentinels]:
            part.start()
        until(self.servers.is_whole, "the topology", _WHOLE)
        self._vendor_parts = [self._simulator(), self._balancer()]
        for part in self._vendor_parts:
            part.start()
        self.simulator = Simulator(f"http://{self.vendor.address(DESK)}:{_SIMULATOR}")
        until(self._simulator_answers, "the simulator", _READY)
        for host in self.worker_hosts:
            self.receivers.append(self._receiver(host))
            self.workers.append(self._worker(host))
        for part in [*self.sinks, *self.receivers, *self.workers]:
            part.start()
        until(lambda: not self.unready(), "a receiver", _READY)
        until(self._published, "a worker", _READY)  # what apps cancel from now on is told, and caps hold at the door

    def _variables(self) -> dict[str, str]:
        url = f"sentinel://{self.servers.addresses}/0?master={MASTER}"
        there = self.vendor.address(OUTSIDE)
        of_run = variables(self.folder, USUAL, f"http://{there}:{_CALLBACKS}", f"http://{there}:{_SIMULATOR}")
        of_servers = {"SMSRELAY_BROKER_URL": url, "SMSRELAY_STORE_URL": url, "SMSRELAY_STORE_REPLICAS": str(self._replicas)}
        return of_run | of_servers

    def _simulator(self) -> Part:
        given = ["--host", "0.0.0.0", "--port", str(_SIMULATOR), "--callback-retries", "0.5,2,5,10,20"]
        return self._on(self.vendor, "simulator", "-m", "smsrelay_simulator", *given)

    def _balancer(self) -> Part:
        listen = f"{self.vendor.address(OUTSIDE)}:{_CALLBACKS}"
        targets = [f"{host.address(OUTSIDE)}:{_RECEIVER}" for host in self.worker_hosts]
        return self._on(self.vendor, "balancer", "-m", "tests.chaos.hosts.balancer", listen, *targets)

    def _receiver(self, host: Host) -> Part:
        data = self.folder / f"{host.name}-receiver"
        data.mkdir(exist_ok=True)
        given = ["-m", "smsrelay_worker", "receiver", "--host", "0.0.0.0", "--port", str(_RECEIVER)]
        return self._on(host, "receiver", *given, SMSRELAY_DATA=str(data))

    def _worker(self, host: Host) -> Part:
        return self._on(host, "worker", *GREEN, OBSERVED, "--name", host.name, "--no-events", CHAOS_HELD=str(self._held))

    def _on(self, host: Host, name: str, *command: str, **more: str) -> Part:
        return Part(f"{host.name}-{name}", host.command([sys.executable, *command]), {**self._environment, **more}, self.folder)

    def _app(self, host: Host, started: float, seconds: float) -> list[str]:
        files = ["--plan", str(self.folder / f"{host.name}.plan"), "--notes", str(self._notes(host))]
        given = ["--started", str(started), "--seconds", str(seconds), "--simulator", self.simulator.url]
        return [sys.executable, "-m", "tests.chaos.sentinel.app", *files, *given]

    def _notes(self, host: Host) -> Path:
        return self.folder / f"{host.name}.answers"

    def _simulator_answers(self) -> bool:
        try:
            return self.simulator.stats() is not None
        except OSError:
            return False

    def _published(self) -> bool:
        try:
            with self.redis() as redis:
                return int(redis.exists(KEYS.sinks, KEYS.limits)) == 2
        except RedisError:
            return False

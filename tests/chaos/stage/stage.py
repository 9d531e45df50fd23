"""The stage: the whole relay as real processes, a proxy on every connection between them, and a simulator no fault can reach.

    app ──▶ store ◀── workers ──────────────▶ simulator          ▶ and ◀ between app, workers, receivers and the
                       workers ◀── broker ◀── receivers ◀── ┘      Valkey server, and before the receivers, pass the proxy

The broker is the same Valkey server, or a RabbitMQ node. Each worker has its own route to the store.

Takes a folder and the number of processes; gives the running parts, their settings, and a store read directly, bypassing the
proxy. Raises ``RuntimeError`` when a part does not come up.
"""

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from redis.exceptions import RedisError

from smsrelay.broker.queues import QUEUES
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.cli.processes import GREEN
from smsrelay_worker.local.stack import free_port
from tests.chaos.faults.store_errors import mend
from tests.chaos.sinks.parts import SinkParts
from tests.chaos.stage.gate import Gate
from tests.chaos.stage.ground import OBSERVED, Ground, until
from tests.chaos.stage.node import Node, rabbitmq_url
from tests.chaos.stage.observer import as_observer, observer_url, valkey_with_observer
from tests.chaos.stage.part import Part
from tests.chaos.stage.receiving import receiver_answers
from tests.chaos.stage.size import USUAL, Size
from tests.chaos.stage.variables import variables
from tests.chaos.windows import short_policy
from tests.support.simulator_process import running_simulator
from tests.support.store_keys import KEYS

_WORKER_READY = 60.0  # seconds; all processes start at once
_NODE_READY = 120.0  # seconds; RabbitMQ is slow to start, more so after a kill


class Stage(Ground):
    """Everything that runs. A context manager: no process outlives it."""

    def __init__(
        self, folder: Path, apart: bool, limits: str, node: Node | None = None, size: Size = USUAL, seed: int = 0
    ) -> None:
        """``apart``: the broker is reached on a way of its own, at a URL of its own; else it is the store's, as at a desk.

        ``limits``: the text of the limits file. ``node``: the broker, in Valkey's place; always apart. ``seed``: of how the
        apps' sinks fail.
        """
        super().__init__(folder)
        self.node = node
        self.members = 0  # of each queue of a cluster
        self._limits = limits
        self._broker = "broker" if apart or node else "store"
        self._valkey_port = free_port()
        ports = [free_port() for _ in range(size.receivers)]
        self._routes = {"store": [self._valkey_port], "callback": ports}
        self._brokers = [f"broker/node{place}" for place in range(1, len(node.ports) + 1)] if node else ["broker"]
        brokers = node.ports if node else [self._valkey_port]
        self._routes |= {name: [port] for name, port in zip(self._brokers, brokers, strict=True)}
        self._routes |= {f"store/worker{place}": [self._valkey_port] for place in range(1, size.workers + 1)}
        self.gate = Gate(self._routes)
        self._size = size
        self._ports = ports
        self._seed = seed
        self.valkey: Part

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
                self._end_parts()
                if self.node is not None:
                    self.node.end()
                self.gate.stop()

    def redis(self) -> StoreRedis:
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

    def queued(self) -> int:
        """Tasks queued at the broker or in progress."""
        if self.node is not None:
            return self.node.queued()
        with self.redis() as redis:
            return sum(int(redis.llen(name)) for name in QUEUES) + int(redis.hlen("unacked"))

    def unready(self) -> list[str]:
        """Receivers that report not ready."""
        return [receiver.name for receiver, port in zip(self.receivers, self._ports, strict=True) if not receiver_answers(port)]

    def thaw_all(self) -> None:
        """End every fault still in effect, and bring every part up."""
        for route in self._routes:
            self.gate.tell(route, "open")
        for part in self.parts():
            part.thaw_all()
            part.start()
        if self.node is not None:
            self.node.wait()
        mend(self.redis)
        self.simulator.latency(0)

    def parts(self) -> list[Part]:
        """Everything that is restarted when it ends by itself."""
        return [self.valkey, *(self.node.parts if self.node else []), *self.workers, *self.receivers, *self.sinks]

    def _start(self) -> None:
        (self.folder / "policy.toml").write_text(short_policy(), encoding="utf-8")
        (self.folder / "limits.toml").write_text(self._limits, encoding="utf-8")
        self._environment = self._variables()
        apps_broker = rabbitmq_url(self.node.ports) if self.node else observer_url(self._valkey_port)
        self.sinks = SinkParts(self.folder, apps_broker, self._seed, self._environment)
        self._environment["SMSRELAY_APPS"] = str(self.sinks.apps_file)
        self.gate.start()
        self.valkey = self._part("valkey", valkey_with_observer(self._valkey_port, self.folder / "valkey"))
        (self.folder / "valkey").mkdir(exist_ok=True)
        self.valkey.start()
        until(self._valkey_answers, "valkey")
        if self.node is not None:
            self.node.start()
        for place, port in enumerate(self._ports, 1):
            self.receivers.append(self._receiver(place, port))
        for place in range(1, self._size.workers + 1):
            self.workers.append(self._worker(f"worker{place}"))
        for part in [*self.sinks, *self.receivers, *self.workers]:
            part.start()
        for port in self._ports:
            until(lambda port=port: receiver_answers(port), "receiver")
        until(self._published, "a worker", _WORKER_READY)  # what apps cancel from now on is told, and caps hold at the door
        if self.node is not None:
            until(self.node.declared, "a queue of rabbitmq", _NODE_READY)
            self.node.settle()
            self.members = self.node.members()

    def _part(self, name: str, command: Sequence[str], **more: str) -> Part:
        return Part(name, command, {**self._environment, **more}, self.folder)

    def _receiver(self, place: int, port: int) -> Part:
        data = self.folder / f"receiver{place}"
        data.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "smsrelay_worker", "receiver", "--port", str(port)]
        return self._part(f"receiver{place}", command, SMSRELAY_DATA=str(data))

    def _worker(self, name: str) -> Part:
        command = [sys.executable, *GREEN, OBSERVED, "--name", name, "--no-events"]
        store = self._store_url(f"store/{name}")
        broker = store if self._broker == "store" else self._broker_url()
        urls = {"SMSRELAY_STORE_URL": store, "SMSRELAY_BROKER_URL": broker}
        return self._part(name, command, CHAOS_HELD=str(self._held), **urls)

    def _variables(self) -> dict[str, str]:
        urls = {"SMSRELAY_BROKER_URL": self._broker_url(), "SMSRELAY_STORE_URL": self._store_url("store")}
        callback = f"http://127.0.0.1:{self.gate.port('callback')}"
        return variables(self.folder, self._size, callback, self.simulator.url) | urls

    def _store_url(self, route: str) -> str:
        return f"redis://127.0.0.1:{self.gate.port(route)}/0"

    def _broker_url(self) -> str:
        if self.node is not None:
            return rabbitmq_url([self.gate.port(route) for route in self._brokers])
        return self._store_url(self._broker)

    def _published(self) -> bool:
        with self.redis() as redis:
            return int(redis.exists(KEYS.sinks, KEYS.limits)) == 2

    def _valkey_answers(self) -> bool:
        with self.redis() as redis:
            try:
                return bool(redis.ping())
            except RedisError:
                return False

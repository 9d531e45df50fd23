"""Sides: the relay and the baseline as a measurement sees them, that is, how each is filled, started and called back.

Takes a ``Ground``; starts processes on it. The commands of both sides are defined here and nowhere else.
"""

import json
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay_worker.local.local_relay import SIMULATED_LIMITS
from smsrelay_worker.local.stack import free_port
from tests.bench.ground import Ground
from tests.bench.processes import Process, clean_environment, python

UNLIMITED = 100_000  # submits a second: the setting's own maximum
NUMBER_KEY, CALLBACK_KEY = "benchmark-number-0123456789", "benchmark-callback-0123456789"
CALLBACK_KEYS = KeyRing(CALLBACK_KEY.encode())
_API_KEY = "benchmark-api-key-0123456789"  # of the baseline; the relay makes its own
_FILLERS = 3  # processes that fill a queue together when filling itself is not measured
_FIRST = {Lane.OTP: 8613900000000, Lane.NOTICE: 8613700000000, Lane.MARKETING: 8613500000000}
_SPAN = 100_000_000  # numbers of a lane
_POOL = {
    "name": "gevent",
    "concurrency": 200,
}  # of the baseline: with a store that syncs always, 1.6 times as fast as threads (16, 64)


def lane_of(number: int) -> Lane:
    """The lane a number belongs to, by its first digits."""
    return next(lane for lane, first in _FIRST.items() if first <= number < first + _SPAN)


def numbers_from(lane: Lane, offset: int = 0) -> int:
    """The first number of a lane past an offset."""
    return _FIRST[lane] + offset


@dataclass(frozen=True, slots=True)
class Filled:
    """What a producer process did, and how long it took."""

    count: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds


class Side(Protocol):
    """A system under measurement."""

    @property
    def name(self) -> str:
        """Its name in the table and for the caller."""

    def fill(self, ground: Ground, how: str, count: int, lane: Lane = Lane.MARKETING, offset: int = 0) -> Filled:
        """Enqueue with one producer process, and wait for it."""

    def start_worker(self, ground: Ground, lanes: Sequence[Lane] = ()) -> Process:
        """Start a worker: one process for the given lanes, or for all lanes whatever the product starts."""

    def ready(self, worker: Process) -> bool:
        """Whether a worker takes tasks."""

    def receiver(self, ground: Ground) -> int:
        """Start one process that accepts callbacks and wait until it is ready; returns its port."""

    def fill_outcomes(self, ground: Ground, count: int) -> None:
        """Have so many outcomes wait for their delivery to a webhook."""

    def start_teller(self, ground: Ground) -> Process:
        """Start one process that delivers outcomes."""

    def api(self, ground: Ground) -> tuple[int, str]:
        """Start one process of the HTTP API and wait until it is ready; returns its port and a key."""


@dataclass(frozen=True, slots=True)
class RelaySide:
    """The relay as its users start it, minus Flower's events: they are optional and costly, and the baseline has none."""

    rate: float = UNLIMITED
    name: str = "relay"
    apps: Path | None = None  # the apps file
    limits: Path = SIMULATED_LIMITS  # no send window: a measurement gives the same figures at night
    payload_keys: str = ""  # empty: nothing is encrypted
    campaign: str = ""  # of what is enqueued
    replicas: int = 0  # that must have a write before it counts

    def environment(self, ground: Ground, redis_port: int | None = None) -> dict[str, str]:
        url = ground.url(redis_port or ground.redis_port)
        vendor = f"http://127.0.0.1:{ground.vendor.port}"
        return clean_environment() | {
            "SMSRELAY_BROKER_URL": url,
            "SMSRELAY_STORE_URL": url,
            "SMSRELAY_NUMBER_KEYS": NUMBER_KEY,
            "SMSRELAY_CALLBACK_KEYS": CALLBACK_KEY,
            "SMSRELAY_VENDOR_URL": vendor,
            "SMSRELAY_VENDOR_INTL_URL": vendor,
            "SMSRELAY_APPCODE": "x" * 32,
            "SMSRELAY_CALLBACK_URL": "http://127.0.0.1:9/sms",  # sent with every submit; never called
            "SMSRELAY_DATA": str(ground.folder / "data"),
            "SMSRELAY_RATE": f"{self.rate:g}",
            "SMSRELAY_APPS": str(self.apps or ""),
            "SMSRELAY_LIMITS": str(self.limits),
            "SMSRELAY_PAYLOAD_KEYS": self.payload_keys,
            "SMSRELAY_STORE_REPLICAS": str(self.replicas),
        }

    def fill(self, ground: Ground, how: str, count: int, lane: Lane = Lane.MARKETING, offset: int = 0) -> Filled:
        options = [self.campaign] if self.campaign else []
        command = python("-m", "tests.bench.fill", how, lane.value, str(count), str(numbers_from(lane, offset)), *options)
        return _filled(ground, command, self.environment(ground))

    def start_worker(self, ground: Ground, lanes: Sequence[Lane] = (), redis_port: int | None = None) -> Process:
        name = ground.name("worker")
        command = python("-m", "smsrelay_worker", "worker", "--name", name, "--no-events", *_queues(lanes))
        return ground.processes.start(name, command, self.environment(ground, redis_port))

    def ready(self, worker: Process) -> bool:
        return worker.log_holds(" ready.")

    def receiver(self, ground: Ground) -> int:
        port, name = free_port(), ground.name("receiver")
        process = ground.processes.start(
            name, python("-m", "smsrelay_worker", "receiver", "--port", str(port)), self.environment(ground)
        )
        ground.processes.wait(process, lambda: listens(port), "it listens")
        return port

    def fill_outcomes(self, ground: Ground, count: int) -> None:
        command = python("-m", "tests.bench.fill_outcomes", str(count), str(numbers_from(Lane.MARKETING)))
        ground.processes.run(ground.name("fill"), command, self.environment(ground))

    def start_teller(self, ground: Ground) -> Process:
        name = ground.name("worker")
        command = python("-m", "smsrelay_worker", "worker", "--name", name, "--no-events", "--queues", "outcome")
        return ground.processes.start(name, command, self.environment(ground))

    def api(self, ground: Ground) -> tuple[int, str]:
        port, relay = free_port(), ("-m", "smsrelay_worker")
        environment = self.environment(ground)
        said = ground.processes.run(ground.name("key"), python(*relay, "key", "create", "bench", "--name", "bench"), environment)
        [key] = [word for word in said.split() if word.startswith("sms_live_")]
        process = ground.processes.start(ground.name("api"), python(*relay, "api", "--port", str(port)), environment)
        ground.processes.wait(process, lambda: listens(port), "it listens")
        return port, key


@dataclass(frozen=True, slots=True)
class BaselineSide:
    """The plain Celery service of ``tests.bench.baseline``."""

    name: str = "baseline"

    def environment(self, ground: Ground) -> dict[str, str]:
        return clean_environment() | {
            "BASELINE_REDIS_URL": ground.redis_url,
            "BASELINE_VENDOR_URL": f"http://127.0.0.1:{ground.vendor.port}",
            "BASELINE_CALLBACK_URL": "http://127.0.0.1:9/sms",
            "BASELINE_WEBHOOK_URL": f"http://127.0.0.1:{ground.vendor.port}/sms",
            "BASELINE_CONCURRENCY": str(_POOL["concurrency"]),
        }

    def fill(self, ground: Ground, how: str, count: int, lane: Lane = Lane.MARKETING, offset: int = 0) -> Filled:
        command = python("-m", "tests.bench.baseline.fill", how, str(count), str(numbers_from(lane, offset)))
        return _filled(ground, command, self.environment(ground))

    def start_worker(self, ground: Ground, lanes: Sequence[Lane] = ()) -> Process:
        return self._worker(ground, "sms")

    def start_teller(self, ground: Ground) -> Process:
        return self._worker(ground, "tell")

    def _worker(self, ground: Ground, queue: str) -> Process:
        name = ground.name("worker")
        pool = ("--pool", str(_POOL["name"]), "--concurrency", str(_POOL["concurrency"]))
        # No log line per task and no messages between workers: both cost time, and nobody reads them.
        quiet = ("--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat")
        celery = ("-m", "celery", "-A", "tests.bench.baseline.tasks", "worker", "-Q", queue, "--hostname", f"{name}@%h")
        return ground.processes.start(name, python(*celery, *pool, *quiet), self.environment(ground))

    def ready(self, worker: Process) -> bool:
        return worker.log_holds("worker is ready")

    def receiver(self, ground: Ground) -> int:
        port, name = free_port(), ground.name("gunicorn")
        gunicorn = ("-m", "gunicorn", "--workers", "1", "--worker-class", "gevent", "--worker-connections", "2000")
        where = ("--bind", f"127.0.0.1:{port}", "--backlog", "4096", "tests.bench.baseline.web:web")
        # One greenlet a connection publishes; each may need a connection of its own to the broker.
        environment = self.environment(ground) | {"BASELINE_CONCURRENCY": "256"}
        process = ground.processes.start(name, python(*gunicorn, *where), environment)
        ground.processes.wait(process, lambda: listens(port), "it listens")
        return port

    def fill_outcomes(self, ground: Ground, count: int) -> None:
        command = python("-m", "tests.bench.baseline.fill_outcomes", str(count))
        ground.processes.run(ground.name("fill"), command, self.environment(ground))

    def api(self, ground: Ground) -> tuple[int, str]:
        port, key = free_port(), _API_KEY
        quiet = ("--no-access-log", "--log-level", "warning")
        uvicorn = ("-m", "uvicorn", "--port", str(port), *quiet, "tests.bench.baseline.api:api")
        environment = self.environment(ground) | {"BENCH_API_KEY": key}
        process = ground.processes.start(ground.name("uvicorn"), python(*uvicorn), environment)
        ground.processes.wait(process, lambda: listens(port), "it listens")
        return port, key


def fill_together(side: Side, ground: Ground, how: str, count: int, lane: Lane = Lane.MARKETING) -> None:
    """Enqueue with several producer processes, and wait for all."""
    part = -(-count // _FILLERS)
    with ThreadPoolExecutor(_FILLERS) as threads:
        list(threads.map(lambda place: side.fill(ground, how, part, lane, place * part), range(_FILLERS)))


def workers(side: Side, ground: Ground, lanes: Sequence[Lane], count: int = 1) -> list[Process]:
    """Start workers side by side, and wait until each takes tasks."""
    started = [side.start_worker(ground, lanes) for _ in range(count)]
    for worker in started:
        ground.processes.wait(worker, partial(side.ready, worker), "it is ready")
    return started


def _queues(lanes: Sequence[Lane]) -> list[str]:
    """Options that make a worker one process for these lanes."""
    return ["--queues", ",".join(lane.value for lane in lanes)] if lanes else []


def _filled(ground: Ground, command: Sequence[str], environment: dict[str, str]) -> Filled:
    said = ground.processes.run(ground.name("fill"), command, environment)
    return Filled(**json.loads(said.splitlines()[-1]))


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

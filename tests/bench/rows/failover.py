"""Broker or store is lost: how long nothing is accepted, and how long nothing is submitted.

An app enqueues one by one, from a few threads, and tries again at once what was not accepted. Then a server is killed, falls
silent or becomes a replica. The figure is the longest time without an accept, or without a submit at the vendor, from then on.
"""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from smsrelay import Enqueuer, ProducerSettings, StoreUnavailable
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay_worker.local.stack import free_port
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.processes import Process, family
from tests.bench.result import Figure
from tests.bench.sides import RelaySide, numbers_from, workers
from tests.support.forwarder import forwarding
from tests.support.rabbitmq_cluster import running_cluster
from tests.support.redis_node import DURABLE, RedisNode
from tests.support.sentinels import running_sentinels
from tests.support.waiting import eventually

_THREADS = 4
_PAUSE = 0.05  # seconds between two calls of a thread
_BEFORE = 5.0  # seconds of calm
_AFTER = 3.0  # seconds after both have resumed
_LONGEST = 120.0  # seconds to wait for that


@dataclass(frozen=True, slots=True)
class Servers:
    """Where broker and store are, and what happens to them."""

    broker: str
    store: str
    lose: Callable[[], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Lost:
    """Seconds without accept and without submit, and how many worker processes ended."""

    accept: float
    submit: float
    ended: int


@dataclass(frozen=True, slots=True)
class _RelayAt(RelaySide):
    """The relay with these servers."""

    broker: str = ""
    store: str = ""

    def environment(self, ground: Ground, redis_port: int | None = None) -> dict[str, str]:
        usual = RelaySide.environment(self, ground, redis_port)
        return usual | {"SMSRELAY_BROKER_URL": self.broker, "SMSRELAY_STORE_URL": self.store}


def measure(conditions: Conditions) -> list[Figure]:
    """Each event, with two figures."""
    figures: list[Figure] = []
    for what, start in _EVENTS.items():
        runs = [_run(conditions, start) for _ in range(conditions.runs)]
        ended = sum(run.ended for run in runs)
        note = f"{ended} worker processes ended" if ended else ""
        figures += [
            Figure(f"{what}: no accept for", "s", [run.accept for run in runs], note=note),
            Figure(f"{what}: no submit for", "s", [run.submit for run in runs]),
        ]
    return figures


def _run(conditions: Conditions, start: Callable[[Ground], contextlib.AbstractContextManager[Servers]]) -> Lost:
    with a_ground(conditions) as ground, start(ground) as servers:
        side = _RelayAt(broker=servers.broker, store=servers.store)
        [worker] = workers(side, ground, [])
        settings = ProducerSettings(
            broker_url=servers.broker, store_url=servers.store, number_keys=side.environment(ground)["SMSRELAY_NUMBER_KEYS"]
        )
        with Enqueuer.connect(settings) as enqueuer, _enqueuing(enqueuer) as accepted:
            ground.processes.wait(worker, lambda: ground.vendor.arrived() > 0, "messages are submitted")
            time.sleep(_BEFORE)
            before, since = _pids(worker), time.monotonic_ns()
            with servers.lose():
                _until_resumed(ground, accepted, since)
            return Lost(_longest_gap(accepted, since), _longest_gap(ground.vendor.instants(), since), len(before - _pids(worker)))


def _until_resumed(ground: Ground, accepted: Sequence[int], since: int) -> None:
    """Wait until what was accepted after the loss is submitted, and a little longer."""
    first = threading.Event()
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        if accepted[-1] > since + _AFTER * 1e9 and ground.vendor.instants()[-1] > since + _AFTER * 1e9:
            break
        first.wait(0.5)
    first.wait(_AFTER)


@contextlib.contextmanager
def _enqueuing(enqueuer: Enqueuer) -> Iterator[list[int]]:
    """Enqueues meanwhile; when each call that was accepted returned (ns)."""
    accepted: list[int] = []
    ending, number, lock = threading.Event(), iter(range(10**6)), threading.Lock()

    def enqueue() -> None:
        while not ending.wait(_PAUSE):
            with lock:
                to = f"+{numbers_from(Lane.NOTICE) + next(number)}"
            job = SendJob(to=to, template="0000000", params=["1234"], lane=Lane.NOTICE, reference=to)
            while not ending.is_set():
                try:
                    enqueuer.enqueue(job)
                except StoreUnavailable:
                    ending.wait(_PAUSE)
                else:
                    accepted.append(time.monotonic_ns())
                    break

    threads = [threading.Thread(target=enqueue) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield accepted
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def _longest_gap(instants: Sequence[int], since: int) -> float:
    """Seconds between two instants (ns) of which the later one is after ``since``; infinite when there is none."""
    ordered = sorted(instants)
    gaps = [later - earlier for earlier, later in pairwise(ordered) if later > since]
    return max(gaps) / 1e9 if gaps else math.inf


def _pids(worker: Process) -> set[int]:
    return {one.pid for one in family(worker.popen.pid)}


@contextlib.contextmanager
def _sentinels(ground: Ground, *, silent: bool) -> Iterator[Servers]:
    with running_sentinels(ground.folder / "sentinels") as group:

        @contextlib.contextmanager
        def lose() -> Iterator[None]:
            (group.freeze_primary if silent else group.kill_primary)()
            yield

        yield Servers(group.url(), group.url(), lose)


@contextlib.contextmanager
def _moved_address(ground: Ground) -> Iterator[Servers]:
    """One address for a primary and its replica; open connections stay with the old primary, which becomes a replica."""
    old, new = (RedisNode(ground.folder / name, free_port()) for name in ("old", "new"))
    try:
        old.start(f"port {old.port}", "bind 127.0.0.1", *DURABLE)
        new.start(f"port {new.port}", "bind 127.0.0.1", *DURABLE, f"replicaof 127.0.0.1 {old.port}")
        eventually(lambda: (role := old.ask("ROLE")) and role[2], "the replica follows")
        with forwarding(old.port) as address:

            @contextlib.contextmanager
            def lose() -> Iterator[None]:
                new.ask("REPLICAOF", "NO", "ONE")
                address.target = new.port
                old.ask("REPLICAOF", "127.0.0.1", new.port)
                yield

            url = f"redis://127.0.0.1:{address.port}/0"
            yield Servers(url, url, lose)
    finally:
        old.kill()
        new.kill()


@contextlib.contextmanager
def _rabbitmq(ground: Ground, *, silent: bool) -> Iterator[Servers]:
    with running_cluster(ground.folder / "rabbitmq") as cluster:

        @contextlib.contextmanager
        def lose() -> Iterator[None]:
            leader = cluster.leader(Lane.NOTICE.queue)
            if silent:
                with leader.frozen():
                    yield
            else:
                leader.kill()
                yield

        yield Servers(cluster.url, ground.redis_url, lose)


_EVENTS: dict[str, Callable[[Ground], contextlib.AbstractContextManager[Servers]]] = {
    "sentinels, primary killed": lambda ground: _sentinels(ground, silent=False),
    "sentinels, primary silent": lambda ground: _sentinels(ground, silent=True),
    "address moves, old connections READONLY": _moved_address,
    "RabbitMQ of three, leader killed": lambda ground: _rabbitmq(ground, silent=False),
    "RabbitMQ of three, leader silent": lambda ground: _rabbitmq(ground, silent=True),
}

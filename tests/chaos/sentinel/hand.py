"""Carries out the faults of this topology: those of servers one by one, all others each in its own thread, so that they overlap.

Takes a stage. Returns what was done, when, and until when servers were out of place; and which processes were killed.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.chaos.faults.calm import Calm
from tests.chaos.faults.faults import Fault
from tests.chaos.faults.harm import FOR_EVER, Harm, Stop, given_up
from tests.chaos.hosts.network import COPIES, LAN, Host
from tests.chaos.sentinel.faults import CUT_FOR_A_FAILOVER, CUT_WITH_APP, FROZEN_FOR_A_FAILOVER, next_chance
from tests.chaos.sentinel.stage import SentinelStage
from tests.chaos.stage.part import Killed, Part

T = TypeVar("T")
_WHOLE_AGAIN = 120.0  # seconds
_ORPHANED = 6.0  # seconds a burning machine stays off the network, so that nothing it had sent arrives later


@dataclass(frozen=True, slots=True)
class Done:
    """A fault. Instants in epoch ms; ``whole``: when every server was back in its place, for a fault of servers."""

    name: str
    since: int
    until: int
    whole: int | None = None


class SentinelHand:
    """Breaks what it is told to."""

    def __init__(self, stage: SentinelStage) -> None:
        self._stage = stage
        self._do: dict[str, Callable[[Fault], bool]] = {
            "primary killed -9": lambda fault: self._killed(self._valkey(self._primary()), fault),
            "primary frozen": lambda fault: _frozen(self._valkey(self._primary()), fault),
            FROZEN_FOR_A_FAILOVER: lambda fault: _frozen(self._valkey(self._primary()), fault),
            "primary's machine cut off": lambda fault: self._cut_off([self._primary()], fault),
            CUT_FOR_A_FAILOVER: lambda fault: self._cut_off([self._primary()], fault),
            CUT_WITH_APP: lambda fault: self._cut_off([self._primary(), _one(stage.app_hosts, fault)], fault),
            "primary's machine burns": lambda fault: self._burnt(self._primary(), fault),
            "replicas fall behind, and the primary's machine burns": self._burnt_behind,
            "replicas fall behind": lambda fault: self._cut_off([self._primary()], fault, [COPIES]),
            "replica killed -9": lambda fault: self._killed(self._valkey(self._replica(fault)), fault),
            "replica frozen": lambda fault: _frozen(self._valkey(self._replica(fault)), fault),
            "replica's machine cut off": lambda fault: self._cut_off([self._replica(fault)], fault),
            "replica's machine burns": lambda fault: self._burnt(self._replica(fault), fault),
            "sentinel killed -9": lambda fault: self._killed(_one(stage.servers.sentinels, fault), fault),
            "sentinel frozen": lambda fault: _frozen(_one(stage.servers.sentinels, fault), fault),
            "worker process killed -9": self._kill_child,
            "worker's parent killed -9": self._kill_parent,
            "worker process frozen": self._freeze_child,
            "receiver killed -9": lambda fault: self._killed(_one(stage.receivers, fault), fault),
            "receiver frozen": lambda fault: _frozen(_one(stage.receivers, fault), fault),
            "app killed -9": lambda fault: self._killed(_one(stage.apps, fault), fault),
            "app frozen": lambda fault: _frozen(_one(stage.apps, fault), fault),
            "app's host cut off": lambda fault: self._cut_off([_one(stage.app_hosts, fault)], fault),
            "vendor slow": self._slow,
            "webhook receiver killed -9": lambda fault: self._killed(stage.sinks.webhooks, fault),
            "Celery sink killed -9": lambda fault: self._killed(stage.sinks.celery, fault),
        }
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.done: list[Done] = []
        self.kills: list[Killed] = []
        self._harms: list[Harm] = []
        self._stops: list[Stop] = []
        self.never_whole: list[str] = []  # faults after which the servers did not find back
        self.diary: list[tuple[int, str]] = []  # epoch ms, what was done

    @property
    def harms(self) -> list[Harm]:
        """Whom everything that was done has kept from working."""
        return [*self._harms, *given_up(self._stops, self._harms)]

    @property
    def known(self) -> set[str]:
        """The names of all faults that it can do."""
        return set(self._do)

    def play(self, faults: Sequence[Fault], started: float) -> None:
        """Apply every fault at its time after ``started`` (monotonic); returns when the last one is over."""
        threads = []
        for fault in faults:
            time.sleep(max(0.0, started + fault.at - time.monotonic()))
            threads.append(threading.Thread(target=self._one_fault, args=(fault,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def play_servers(self, faults: Iterable[tuple[Fault, float]], quiet: Sequence[Calm], started: float) -> None:
        """Apply these one after the other, in the loud stretches."""
        for fault, pause in faults:
            at = next_chance(time.monotonic() - started + pause, quiet)
            if at is None:
                return
            time.sleep(max(0.0, started + at - time.monotonic()))
            self._one_fault(fault, of_servers=True)

    def _one_fault(self, fault: Fault, of_servers: bool = False) -> None:
        name, since = fault.kind.name, _now()
        primary = self._primary().name
        done, until, whole = self._do[name](fault), _now(), None
        if of_servers:
            if not self._stage.servers.became_whole(_WHOLE_AGAIN):
                self.never_whole.append(name)
            whole = _now()
        with self._lock:
            if of_servers:
                self._harms.append(Harm(since, whole or until))
            self.counts[name] += done
            if done:
                self.done.append(Done(name, since, until, whole))
            ended = f"; whole after {(whole - since) / 1000:.1f} s with {self._primary().name} as primary" if whole else ""
            lasted = f"{(until - since) / 1000:.1f} s{'' if done else ': was down'}"
            self.diary.append((since, f"{name}, primary {primary}, {lasted}{ended}"))

    def _primary(self) -> Host:
        return self._stage.servers.primary()

    def _replica(self, fault: Fault) -> Host:
        primary = self._primary()
        return _one([host for host in self._stage.machines if host != primary], fault)

    def _valkey(self, host: Host) -> Part:
        return self._stage.servers.valkeys[self._stage.machines.index(host)]

    def _killed(self, part: Part, fault: Fault) -> bool:
        killed = part.kill()
        if killed is not None:
            time.sleep(fault.lasting)
            part.start()
        return killed is not None

    def _kill_parent(self, fault: Fault) -> bool:
        worker = _one(self._stage.workers, fault)
        orphans, at = worker.children(), _now()
        killed = self._killed(worker, fault)
        if killed:
            with self._lock:
                self._stops += [Stop(at, child) for child in orphans]
        return killed

    def _cut_off(self, hosts: Sequence[Host], fault: Fault, networks: Sequence[str] = (LAN, COPIES)) -> bool:
        island = self._stage.network.cut_off(hosts, networks)
        time.sleep(fault.lasting)
        self._stage.network.rejoin(island, hosts, networks)
        self._harm_those_on(hosts, fault.lasting)
        return True

    def _burnt(self, machine: Host, fault: Fault) -> bool:
        """Off the network, every process killed at once; back with its disk."""
        island = self._stage.network.cut_off([machine], [LAN, COPIES])
        self._burn(machine, fault.lasting)
        self._stage.network.rejoin(island, [machine], [LAN, COPIES])
        self._start(machine)
        return True

    def _burnt_behind(self, fault: Fault) -> bool:
        """For a moment the replicas hear nothing of what the primary is told; then its machine is gone."""
        machine, stage = self._primary(), self._stage
        behind = stage.network.cut_off([machine], [COPIES])
        time.sleep(fault.lasting)
        gone = stage.network.cut_off([machine], [LAN])
        self._burn(machine, 0.0)
        stage.network.rejoin(gone, [machine], [LAN])
        stage.network.rejoin(behind, [machine], [COPIES])
        self._start(machine)
        return True

    def _burn(self, machine: Host, lasting: float) -> None:
        for part in self._stage.parts_of(machine):
            killed = part.kill_whole()
            with self._lock:
                self.kills += killed
                self._harms += [Harm(one.at, FOR_EVER, one.pid) for one in killed]
        time.sleep(_ORPHANED + lasting)

    def _start(self, machine: Host) -> None:
        for part in self._stage.parts_of(machine):
            part.start()

    def _harm_those_on(self, hosts: Sequence[Host], lasting: float) -> None:
        """Workers are on machines; nobody who holds a message is on an app's host."""
        now = _now()
        if any(host in self._stage.machines for host in hosts):
            with self._lock:
                self._harms.append(Harm(now - int(1000 * lasting), now))

    def _kill_child(self, fault: Fault) -> bool:
        killed = _one(self._stage.workers, fault).kill_child(fault.pick * len(self._stage.workers) % 1)
        if killed is not None:
            with self._lock:
                self.kills.append(killed)
                self._harms.append(Harm(killed.at, FOR_EVER, killed.pid))
        return killed is not None

    def _freeze_child(self, fault: Fault) -> bool:
        at = _now()
        child = _one(self._stage.workers, fault).freeze_child(fault.pick * len(self._stage.workers) % 1)
        time.sleep(fault.lasting)
        if child is not None:
            with contextlib.suppress(ProcessLookupError):  # killed meanwhile
                os.kill(child, signal.SIGCONT)
            with self._lock:
                self._harms.append(Harm(at, _now(), child))
        return child is not None

    def _slow(self, fault: Fault) -> bool:
        self._stage.simulator.latency(0.3 + 3.5 * fault.pick)  # at its longest, exceeds the read timeout
        time.sleep(fault.lasting)
        self._stage.simulator.latency(0)
        return True


def _frozen(part: Part, fault: Fault) -> bool:
    frozen = part.freeze()
    time.sleep(fault.lasting)
    part.thaw()
    return frozen


def _one(parts: Sequence[T], fault: Fault) -> T:
    return parts[int(fault.pick * len(parts))]


def _now() -> int:
    return time.time_ns() // 1_000_000

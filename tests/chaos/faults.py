"""The faults: what is broken when, for how long, from a seed; and the hand that does it.

Enters: seed and seconds, then a stage. Leaves: the schedule, and a count and the instants of what was really done: a part that is
down already is not killed again. Every fault runs in a thread of its own, so that they overlap.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.part import Killed, Part
from tests.chaos.stage import Stage

_EVERY = 2.5  # seconds between faults, on average
_QUIET = 3.0  # seconds at the start
_STOP_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault. ``lasting``: least and most seconds, before the part is started or the way is open again."""

    name: str
    weight: int
    lasting: tuple[float, float]


KINDS = (
    Kind("worker process killed -9", 110, (0.0, 0.0)),
    Kind("worker's parent killed -9", 30, (0.0, 5.0)),
    Kind("worker stopped by SIGTERM", 12, (0.0, 3.0)),
    Kind("worker process frozen", 10, (1.0, 18.0)),
    Kind("receiver killed -9", 28, (0.0, 5.0)),
    Kind("Valkey killed -9", 9, (0.0, 5.0)),
    Kind("Valkey stopped by SIGTERM", 2, (0.5, 5.0)),
    Kind("Valkey frozen", 4, (0.5, 7.0)),
    Kind("store: connections cut", 12, (0.0, 0.0)),
    Kind("broker: connections cut", 12, (0.0, 0.0)),
    Kind("callbacks: connections cut", 10, (0.0, 0.0)),
    Kind("store unreachable, refused", 3, (1.0, 8.0)),
    Kind("store unreachable, silent", 3, (1.0, 8.0)),
    Kind("broker unreachable, refused", 3, (1.0, 8.0)),
    Kind("broker unreachable, silent", 3, (1.0, 8.0)),
    Kind("vendor slow", 5, (1.0, 4.0)),
    Kind("RabbitMQ killed -9", 9, (0.0, 5.0)),
    Kind("RabbitMQ stopped by SIGTERM", 2, (0.5, 5.0)),
    Kind("RabbitMQ frozen", 4, (0.5, 7.0)),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the schedule; ``pick`` (0 up to 1) chooses among equal parts."""

    at: float
    kind: Kind
    lasting: float
    pick: float


def kinds_of(only: str, *, apart: bool, rabbitmq: bool) -> list[Kind]:
    """The kinds whose name begins with ``only``; those of a broker of its own (``apart``) or of RabbitMQ where there is one."""
    absent = [name for name, there in (("broker", apart), ("RabbitMQ", rabbitmq)) if not there]
    return [kind for kind in KINDS if kind.name.startswith(only) and not kind.name.startswith(tuple(absent))]


def schedule(seed: int, seconds: float, kinds: Sequence[Kind]) -> list[Fault]:
    """Every fault of a run."""
    random = Random(f"{seed} faults")
    faults, at = [], _QUIET
    while at < seconds:
        kind = random.choices(kinds, [kind.weight for kind in kinds])[0]
        faults.append(Fault(at, kind, random.uniform(*kind.lasting), random.random()))
        at += random.uniform(0.2, 2 * _EVERY - 0.2)
    return faults


class Hand:
    """Does the faults of a schedule to a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._do: dict[str, Callable[[Fault], bool]] = {
            "worker process killed -9": self._kill_child,
            "worker's parent killed -9": lambda fault: self._killed(_one(stage.workers, fault), fault) is not None,
            "worker stopped by SIGTERM": lambda fault: self._stopped(_one(stage.workers, fault), fault),
            "worker process frozen": self._freeze_child,
            "receiver killed -9": lambda fault: self._killed(_one(stage.receivers, fault), fault) is not None,
            "Valkey killed -9": lambda fault: self._killed(stage.valkey, fault) is not None,
            "Valkey stopped by SIGTERM": lambda fault: self._stopped(stage.valkey, fault),
            "Valkey frozen": lambda fault: self._frozen(stage.valkey, fault),
            "store: connections cut": lambda fault: self._told("store", "cut", fault),
            "broker: connections cut": lambda fault: self._told("broker", "cut", fault),
            "callbacks: connections cut": lambda fault: self._told("callback", "cut", fault),
            "store unreachable, refused": lambda fault: self._told("store", "refuse", fault),
            "store unreachable, silent": lambda fault: self._told("store", "silence", fault),
            "broker unreachable, refused": lambda fault: self._told("broker", "refuse", fault),
            "broker unreachable, silent": lambda fault: self._told("broker", "silence", fault),
            "vendor slow": self._slow,
        }
        if stage.node is not None:
            self._do |= self._to_rabbitmq(stage.node.part)
        self.done: Counter[str] = Counter()
        self.kills: list[Killed] = []
        self.diary: list[tuple[int, str]] = []  # epoch ms, what was done

    def _to_rabbitmq(self, part: Part) -> dict[str, Callable[[Fault], bool]]:
        return {
            "RabbitMQ killed -9": lambda fault: self._killed(part, fault) is not None,
            "RabbitMQ stopped by SIGTERM": lambda fault: self._stopped(part, fault),
            "RabbitMQ frozen": lambda fault: self._frozen(part, fault),
        }

    def play(self, faults: Sequence[Fault]) -> None:
        """Do every fault at its time; returns when the last one is over."""
        started, threads = time.monotonic(), []
        for fault in faults:
            time.sleep(max(0.0, started + fault.at - time.monotonic()))
            threads.append(threading.Thread(target=self._one_fault, args=(fault,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _one_fault(self, fault: Fault) -> None:
        at = time.time_ns() // 1_000_000
        done = self._do[fault.kind.name](fault)
        self.done[fault.kind.name] += done
        self.diary.append((at, f"{fault.kind.name}, {fault.lasting:.1f} s" + ("" if done else ": was down already")))

    def _kill_child(self, fault: Fault) -> bool:
        killed = _one(self._stage.workers, fault).kill_child(fault.pick * len(self._stage.workers) % 1)
        if killed is not None:
            self.kills.append(killed)
        return killed is not None

    def _freeze_child(self, fault: Fault) -> bool:
        child = _one(self._stage.workers, fault).freeze_child(fault.pick * len(self._stage.workers) % 1)
        time.sleep(fault.lasting)
        if child is not None:
            with contextlib.suppress(ProcessLookupError):  # killed meanwhile
                os.kill(child, signal.SIGCONT)
        return child is not None

    def _killed(self, part: Part, fault: Fault) -> Killed | None:
        killed = part.kill()
        if killed is not None:
            time.sleep(fault.lasting)
            part.start()
        return killed

    def _stopped(self, part: Part, fault: Fault) -> bool:
        stopped = part.terminate(_STOP_WITHIN)
        if stopped:
            time.sleep(fault.lasting)
            part.start()
        return stopped

    def _frozen(self, part: Part, fault: Fault) -> bool:
        frozen = part.freeze()
        time.sleep(fault.lasting)
        part.thaw()
        return frozen

    def _told(self, route: str, action: str, fault: Fault) -> bool:
        self._stage.gate.tell(route, action)
        time.sleep(fault.lasting)
        if fault.lasting:
            self._stage.gate.tell(route, "open")
        return True

    def _slow(self, fault: Fault) -> bool:
        self._stage.simulator.latency(0.3 + 3.5 * fault.pick)  # beyond the read time-out at its worst
        time.sleep(fault.lasting)
        self._stage.simulator.latency(0)
        return True


def _one(parts: Sequence[Part], fault: Fault) -> Part:
    return parts[int(fault.pick * len(parts))]

"""Carries out a schedule of faults, each in its own thread, so that they overlap.

Takes a stage. Returns a count and the instants of what was really done: a part that is down already is not killed again; and what
a person saw who looked at the relay while its store answered with errors.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.chaos.faults import store_errors
from tests.chaos.faults.faults import AT_A_BURST, FROZEN_BRIEFLY, REPLIES_LOST, Fault
from tests.chaos.faults.harm import FOR_EVER, Harm
from tests.chaos.stage.node import Node
from tests.chaos.stage.part import Killed, Part
from tests.chaos.stage.stage import Stage
from tests.chaos.windows import STOP_BOUND

_STOP_WITHIN = STOP_BOUND + 10.0
_LOOK_AFTER = 0.5  # seconds into a fault of the store


class Hand:
    """Applies a schedule of faults to a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._do: dict[str, Callable[[Fault], bool]] = {
            "worker process killed -9": self._kill_child,
            "worker's parent killed -9": lambda fault: self._killed(_one(stage.workers, fault), fault) is not None,
            "worker stopped by SIGTERM": lambda fault: self._stopped(_one(stage.workers, fault), fault),
            "worker process frozen": self._freeze_child,
            FROZEN_BRIEFLY: self._freeze_child,
            "receiver killed -9": lambda fault: self._killed(_one(stage.receivers, fault), fault) is not None,
            "callbacks: connections cut": lambda fault: self._told("callback", "cut", fault),
            "broker: connections cut": lambda fault: self._told("broker", "cut", fault),
            "broker unreachable, refused": lambda fault: self._told("broker", "refuse", fault),
            "broker unreachable, silent": lambda fault: self._told("broker", "silence", fault),
            "vendor slow": self._slow,
            **self._to_a_sink("webhook receiver", stage.sinks.webhooks),
            **self._to_a_sink("Celery sink", stage.sinks.celery),
            **self._to_the_store(),
        }
        if stage.node is not None:
            self._do |= self._to_rabbitmq(stage.node)
        self.done: Counter[str] = Counter()
        self.kills: list[Killed] = []
        self.harms: list[Harm] = []
        self.seen: list[str] = []  # by the person who looked, where it should not have been seen
        self.diary: list[tuple[int, str]] = []  # epoch ms, what was done

    def _to_the_store(self) -> dict[str, Callable[[Fault], bool]]:
        stage = self._stage
        connect = stage.redis
        return {
            "Valkey killed -9": lambda fault: self._killed(stage.valkey, fault) is not None,
            "Valkey stopped by SIGTERM": lambda fault: self._stopped(stage.valkey, fault),
            "Valkey frozen": lambda fault: self._frozen(stage.valkey, fault),
            "Valkey answers BUSY": lambda fault: self._erring(store_errors.busy(connect), fault),
            "Valkey answers NOREPLICAS": lambda fault: self._erring(store_errors.without_replicas(connect), fault),
            "Valkey answers MASTERDOWN": lambda fault: self._erring(store_errors.without_primary(connect), fault),
            "Valkey answers NOAUTH": lambda fault: self._erring(store_errors.another_password(connect, stage.cut_off), fault),
            "Valkey takes no more clients": lambda fault: self._erring(store_errors.without_room(connect, stage.cut_off), fault),
            "store: connections cut": lambda fault: self._told("store", "cut", fault),
            "store unreachable, refused": lambda fault: self._told("store", "refuse", fault),
            "store unreachable, silent": lambda fault: self._told("store", "silence", fault),
            REPLIES_LOST: self._replies_lost,
            AT_A_BURST: lambda fault: self._told("store", "silence", fault),
        }

    def _to_a_sink(self, name: str, part: Part) -> dict[str, Callable[[Fault], bool]]:
        return {
            f"{name} killed -9": lambda fault: self._killed(part, fault) is not None,
            f"{name} frozen": lambda fault: self._frozen(part, fault),
        }

    def _to_rabbitmq(self, node: Node) -> dict[str, Callable[[Fault], bool]]:
        return {
            "RabbitMQ killed -9": lambda fault: self._killed(node.parts[0], fault) is not None,
            "RabbitMQ stopped by SIGTERM": lambda fault: self._stopped(node.parts[0], fault),
            "RabbitMQ frozen": lambda fault: self._frozen(node.parts[0], fault),
            "RabbitMQ's leader killed -9": lambda fault: self._killed(node.leader(), fault) is not None,
            "RabbitMQ's leader frozen": lambda fault: self._frozen(node.leader(), fault),
            "a node of RabbitMQ killed -9": lambda fault: self._killed(_one(node.parts, fault), fault) is not None,
            "a node of RabbitMQ stopped by SIGTERM": lambda fault: self._stopped(_one(node.parts, fault), fault),
        }

    def play(self, faults: Sequence[Fault], started: float) -> None:
        """Apply every fault at its time after ``started`` (monotonic); returns when the last one is over."""
        threads = []
        for fault in faults:
            time.sleep(max(0.0, started + fault.at - time.monotonic()))
            threads.append(threading.Thread(target=self._one_fault, args=(fault,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _one_fault(self, fault: Fault) -> None:
        at = _now()
        done = self._do[fault.kind.name](fault)
        self.done[fault.kind.name] += done
        if fault.kind.of_store:
            self.harms.append(Harm(at, _now()))
        self.diary.append((at, f"{fault.kind.name}, {fault.lasting:.1f} s" + ("" if done else ": was down already")))

    def _kill_child(self, fault: Fault) -> bool:
        killed = _one(self._stage.workers, fault).kill_child(fault.pick * len(self._stage.workers) % 1)
        if killed is not None:
            self.kills.append(killed)
            self.harms.append(Harm(killed.at, FOR_EVER, killed.pid))
        return killed is not None

    def _freeze_child(self, fault: Fault) -> bool:
        at = _now()
        child = _one(self._stage.workers, fault).freeze_child(fault.pick * len(self._stage.workers) % 1)
        time.sleep(fault.lasting)
        if child is not None:
            with contextlib.suppress(ProcessLookupError):  # killed meanwhile
                os.kill(child, signal.SIGCONT)
            self.harms.append(Harm(at, _now(), child))
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

    def _erring(self, erring: contextlib.AbstractContextManager[None], fault: Fault) -> bool:
        """Make the store answer with errors, and check the relay meanwhile."""
        with erring:
            over = time.monotonic() + fault.lasting
            time.sleep(_LOOK_AFTER)
            status = self._stage.command("status")
            if "Traceback" in status.stderr:
                self.seen.append(f"smsrelay status ended in a traceback: {fault.kind.name}; {status.stderr.splitlines()[-1]}")
            time.sleep(max(0.0, over - time.monotonic()))
        return True

    def _replies_lost(self, fault: Fault) -> bool:
        """The store executes a worker's commands but the replies are lost; then its connections are cut."""
        route = self._stage.route_of(_one(self._stage.workers, fault))
        self._stage.gate.tell(route, "deafen")
        time.sleep(fault.lasting)
        self._stage.gate.tell(route, "cut")
        self._stage.gate.tell(route, "open")
        return True

    def _told(self, way: str, action: str, fault: Fault) -> bool:
        self._stage.tell(way, action)
        time.sleep(fault.lasting)
        if fault.lasting:
            self._stage.tell(way, "open")
        return True

    def _slow(self, fault: Fault) -> bool:
        self._stage.simulator.latency(0.3 + 3.5 * fault.pick)  # at its longest, exceeds the read timeout
        time.sleep(fault.lasting)
        self._stage.simulator.latency(0)
        return True


def _one(parts: Sequence[Part], fault: Fault) -> Part:
    return parts[int(fault.pick * len(parts))]


def _now() -> int:
    return time.time_ns() // 1_000_000

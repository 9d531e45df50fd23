"""Watches working workers for a while: what arrived at the vendor, and the CPU use of every process meanwhile."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.ground import Ground
from tests.bench.processes import Process, machine_busy


@dataclass(frozen=True, slots=True)
class Watched:
    """Arrivals (ns) within the span, CPU seconds a message, and shares (0 to 1) of the machine and of one core."""

    instants: list[int]
    cpu_each: float
    machine_busy: float
    vendor_busy: float


def watch(ground: Ground, workers: Sequence[Process], seconds: float, at_most: int) -> Watched:
    """Watch until the seconds are over or all have arrived."""
    started, cpu, vendor_cpu = time.monotonic_ns(), _cpu(workers), ground.vendor.process.cpu()
    busy, there = machine_busy()
    until = time.monotonic() + seconds
    while time.monotonic() < until and ground.vendor.arrived() < at_most:
        time.sleep(0.1)
    lasted = (time.monotonic_ns() - started) / 1e9
    busy, there = (after - before for after, before in zip(machine_busy(), (busy, there), strict=True))
    spent, vendor_spent = _cpu(workers) - cpu, ground.vendor.process.cpu() - vendor_cpu
    instants = [at for at in ground.vendor.instants() if at >= started]
    return Watched(instants, spent / max(1, len(instants)), busy / there, vendor_spent / lasted)


def _cpu(workers: Sequence[Process]) -> float:
    return sum(worker.cpu() for worker in workers)

"""Submits a second of one to four worker processes on bulk: what each further process adds until the machine is full."""

import os

from smsrelay.contract.lanes import Lane
from tests.bench.figures import median, steady_rate
from tests.bench.ground import Conditions, a_ground
from tests.bench.result import Figure, Target
from tests.bench.sides import BaselineSide, RelaySide, Side, fill_together, workers
from tests.bench.watch import Watched, watch

_FULL = 0.95  # share of the machine's cores at work


def measure(conditions: Conditions) -> list[Figure]:
    """The rate of n processes, as a share of n times one process's rate."""
    counts = [1, 2] if conditions.quick else [1, 2, 4]
    runs = [{count: _run(conditions, RelaySide(), count) for count in counts} for _ in range(conditions.runs)]
    plain = [] if conditions.quick else [_run(conditions, BaselineSide(), counts[-1]) for _ in range(conditions.runs)]
    return [
        *(_scaling(count, runs) for count in counts[1:]),
        Figure(
            f"submitted per second, {counts[-1]} worker processes, bulk",
            "/s",
            [steady_rate(run[counts[-1]].instants) for run in runs],
            [steady_rate(one.instants) for one in plain] or None,
            note=f"vendor takes {median([run[counts[-1]].vendor_busy for run in runs]):.0%} of a core",
        ),
    ]


def _scaling(count: int, runs: list[dict[int, Watched]]) -> Figure:
    """The target applies only to process counts that leave the machine some idle CPU; beyond, they share the cores."""
    shares = [steady_rate(run[count].instants) / (count * steady_rate(run[1].instants)) for run in runs]
    busy = median([run[count].machine_busy for run in runs])
    return Figure(
        f"{count} worker processes on {os.cpu_count()} cores: share of {count} × one process",
        "×",
        shares,
        target=Target("value", least=0.8) if busy < _FULL else None,
        note=f"machine {busy:.0%} busy{', so full' * (busy >= _FULL)}",
    )


def _run(conditions: Conditions, side: Side, count: int) -> Watched:
    backlog = count * (3_000 if conditions.quick else 30_000)
    seconds = 3.0 if conditions.quick else 8.0
    with a_ground(conditions) as ground:
        fill_together(side, ground, "bulk", backlog if isinstance(side, RelaySide) else backlog // 6)
        return watch(ground, workers(side, ground, [Lane.MARKETING], count), seconds, backlog)

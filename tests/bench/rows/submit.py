"""Submits a second of one worker process, bulk and single, beside the baseline, whose idiom is a task a message in both cases."""

from dataclasses import dataclass

from smsrelay.contract.lanes import Lane
from tests.bench.figures import steady_rate
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.result import Figure, Target
from tests.bench.sides import BaselineSide, RelaySide, Side, fill_together, workers
from tests.bench.watch import Watched, watch


@dataclass(frozen=True, slots=True)
class Load:
    """How a queue is filled, with so many that none of the sides comes to its end."""

    side: Side
    how: str
    lane: Lane
    count: int


def measure(conditions: Conditions) -> list[Figure]:
    """One worker process, a backlog, no rate limit."""
    least = 2_500 if conditions.quick else 12_000
    bulk = Load(RelaySide(), "bulk", Lane.MARKETING, 3 * least)
    single = Load(RelaySide(), "single", Lane.OTP, least)
    plain = Load(BaselineSide(), "single", Lane.MARKETING, least)
    seconds = 2.5 if conditions.quick else 8.0
    runs = [[submits(conditions, load, seconds) for load in (bulk, single, plain)] for _ in range(conditions.runs)]
    ours_bulk, ours_single, baseline = ([run[place] for run in runs] for place in range(3))
    return [
        _figure("submitted per second, one worker process, bulk", ours_bulk, baseline, 3.0),
        _figure("submitted per second, one worker process, singles on otp", ours_single, baseline, 1.0),
        _cpu("CPU of the worker a message, bulk", ours_bulk, baseline),
        _cpu("CPU of the worker a message, singles on otp", ours_single, baseline),
    ]


def submits(conditions: Conditions, load: Load, seconds: float) -> Watched:
    """Fill the queue, start one worker, and watch the vendor."""
    with a_ground(conditions) as ground:
        fill_together(load.side, ground, load.how, load.count, load.lane)
        return _watched(ground, load, seconds)


def _watched(ground: Ground, load: Load, seconds: float) -> Watched:
    [worker] = workers(load.side, ground, [load.lane])
    ground.processes.wait(worker, lambda: ground.vendor.arrived() > 0, "the vendor sees a submit")
    return watch(ground, [worker], seconds, load.count)


def _figure(what: str, ours: list[Watched], baseline: list[Watched], least: float) -> Figure:
    rates = [[steady_rate(one.instants) for one in side] for side in (ours, baseline)]
    return Figure(what, "/s", rates[0], rates[1], Target("ratio", least=least))


def _cpu(what: str, ours: list[Watched], baseline: list[Watched]) -> Figure:
    return Figure(what, "ms", [one.cpu_each * 1000 for one in ours], [one.cpu_each * 1000 for one in baseline])

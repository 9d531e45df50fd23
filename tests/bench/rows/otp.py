"""A code behind a campaign: how long from enqueueing it until it is at the vendor, and what marketing keeps while otp floods."""

import math
import time
from dataclasses import dataclass

from smsrelay import Enqueuer, Lane, ProducerSettings
from tests.bench.figures import SECOND, percentile
from tests.bench.fill import all_accepted, jobs
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.result import Figure, Target
from tests.bench.sides import RelaySide, fill_together, lane_of, numbers_from, workers

_RATE = 100
_PATIENCE = 5.0  # seconds for the last code to arrive; one that has not by then counts as never
_FLOOD = 2.0  # times the rate, of otp messages a second


@dataclass(frozen=True, slots=True)
class Run:
    """Milliseconds of each code, infinite for one that did not come; marketing's share while otp floods."""

    took: list[float]
    marketing_share: float


def measure(conditions: Conditions) -> list[Figure]:
    """Behind 100,000 marketing messages at 100 a second (quick: 10,000)."""
    backlog = 10_000 if conditions.quick else 100_000
    runs = [_run(conditions, backlog) for _ in range(conditions.runs)]
    late = sum(math.isinf(took) for run in runs for took in run.took)
    note = f"{late} of {sum(len(run.took) for run in runs)} not within {_PATIENCE:g} s" if late else ""
    what = f"otp behind {backlog:,} marketing at {_RATE}/s, enqueue → vendor"
    return [
        Figure(f"{what}, p50", "ms", [percentile(run.took, 0.5) for run in runs], note=note),
        Figure(f"{what}, p99", "ms", [percentile(run.took, 0.99) for run in runs], target=Target("value", most=150), note=note),
        Figure(f"{what}, longest", "ms", [max(run.took) for run in runs], note=note),
        Figure(
            f"marketing's share of {_RATE}/s while otp floods with {_FLOOD * _RATE:g}/s",
            "%",
            [100 * run.marketing_share for run in runs],
            target=Target("value", least=5),
        ),
    ]


def _run(conditions: Conditions, backlog: int) -> Run:
    codes, seconds = (25, 4.0) if conditions.quick else (200, 30.0)
    side = RelaySide(rate=_RATE)
    with a_ground(conditions) as ground:
        fill_together(side, ground, "bulk", backlog)
        [worker] = workers(side, ground, [])
        ground.processes.wait(worker, lambda: ground.vendor.arrived() > _RATE, "the vendor sees submits")
        settings = ProducerSettings(
            broker_url=ground.redis_url, store_url=ground.redis_url, number_keys=side.environment(ground)["SMSRELAY_NUMBER_KEYS"]
        )
        with Enqueuer.connect(settings) as enqueuer:
            took = codes_at_the_vendor(ground, enqueuer, codes, seconds / codes)
            return Run(took, _flood(ground, enqueuer, 3.0 if conditions.quick else 15.0))


def codes_at_the_vendor(ground: Ground, enqueuer: Enqueuer, count: int, pause: float, offset: int = 0) -> list[float]:
    """Enqueue one after the other; returns how long each took to reach the vendor. ``offset``: of their numbers."""
    first = numbers_from(Lane.OTP, offset)
    began: dict[int, int] = {}
    for number, job in enumerate(jobs(Lane.OTP, range(first, first + count)), first):
        began[number] = time.monotonic_ns()
        enqueuer.enqueue(job)
        time.sleep(pause)
    until = time.monotonic() + _PATIENCE
    while len(came := {number: at for at, number in ground.vendor.arrivals() if number in began}) < count:
        if time.monotonic() > until:
            break
        time.sleep(0.2)
    return [(came[number] - at) / 1e6 if number in came else math.inf for number, at in began.items()]


def _flood(ground: Ground, enqueuer: Enqueuer, seconds: float) -> float:
    """Marketing's share of what arrives while more otp is enqueued than the rate takes, once the flood is there."""
    wave = int(_RATE * _FLOOD / 4)
    first = numbers_from(Lane.OTP, 1_000_000)
    start = time.monotonic()
    for turn in range(int(seconds * 4)):
        all_accepted(enqueuer.enqueue_many(jobs(Lane.OTP, range(first + turn * wave, first + (turn + 1) * wave))))
        time.sleep(max(0.0, start + (turn + 1) / 4 - time.monotonic()))
    since = int(start * SECOND) + SECOND  # skip the first second: it still shows what was in flight before
    lanes = [lane_of(number) for at, number in ground.vendor.arrivals() if at >= since]
    return lanes.count(Lane.MARKETING) / max(1, len(lanes))

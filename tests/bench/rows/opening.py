"""Marketing that waits for its send window: how it is spread when the window opens, and what a code waits for in that moment."""

import math
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from smsrelay import Enqueuer, ProducerSettings
from tests.bench.figures import busiest_second, percentile
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.processes import PartFailed, Process
from tests.bench.result import Figure, Target
from tests.bench.rows.otp import codes_at_the_vendor
from tests.bench.sides import RelaySide, fill_together, workers

_RATE = 100
_AHEAD = 20.0  # seconds, at least, between the last deferral and the opening


@dataclass(frozen=True, slots=True)
class Run:
    """What one run showed. ``due``, ``busiest``: the most messages due, and submitted, in a second. Codes in milliseconds."""

    due: int
    busiest: int
    idle: list[float]
    opening: list[float]


def measure(conditions: Conditions) -> list[Figure]:
    """100,000 marketing messages (quick: 10,000) that were enqueued in the night."""
    waiting = 10_000 if conditions.quick else 100_000
    runs = [_run(conditions, waiting) for _ in range(conditions.runs)]
    what = f"opening with {waiting:,} marketing waiting, rate {_RATE}/s"
    late = sum(math.isinf(took) for run in runs for took in run.opening)
    note = f"{late} of {sum(len(run.opening) for run in runs)} codes did not come" if late else ""
    idle = [percentile(run.idle, 0.5) for run in runs]
    at_it = [percentile(run.opening, 0.5) for run in runs]
    longest = [percentile(run.opening, 0.99) for run in runs]
    due, busiest = [run.due for run in runs], [run.busiest for run in runs]
    return [
        Figure(f"{what}: most due in one second", "", due, target=Target("value", most=_RATE * 1.1)),
        Figure(f"{what}: busiest of all sliding seconds", "", busiest, target=Target("value", most=_RATE * 1.02 + 1)),
        Figure(f"{what}: code, enqueue → vendor, p50", "ms", at_it),
        Figure(f"{what}: code, p50 at the opening / idle", "×", [one / other for one, other in zip(at_it, idle, strict=True)]),
        Figure(f"{what}: code, p99", "ms", longest, target=Target("value", most=150), note=note),
    ]


def _run(conditions: Conditions, waiting: int) -> Run:
    codes, pause = (25, 0.15) if conditions.quick else (100, 0.1)
    with a_ground(conditions) as ground:
        opens = _opening(time.time() + waiting / (250 if conditions.quick else 400) + 2 * _AHEAD)
        side = RelaySide(rate=_RATE, limits=_written(ground.folder, opens))
        [worker] = workers(side, ground, [])
        fill_together(side, ground, "bulk", waiting)
        due = _deferred(ground, worker, waiting, opens)
        settings = ProducerSettings(
            broker_url=ground.redis_url, store_url=ground.redis_url, number_keys=side.environment(ground)["SMSRELAY_NUMBER_KEYS"]
        )
        with Enqueuer.connect(settings) as enqueuer:
            idle = codes_at_the_vendor(ground, enqueuer, codes, pause)
            time.sleep(max(0.0, opens - time.time()))
            at_it = codes_at_the_vendor(ground, enqueuer, codes, pause, offset=codes)
        if ground.vendor.arrived() < 3 * codes:
            raise PartFailed("hardly any marketing was submitted at the opening")
        return Run(due, busiest_second(ground.vendor.instants()), idle, at_it)


def _opening(earliest: float) -> int:
    """A whole minute (epoch seconds)."""
    return int(-(-earliest // 60) * 60)


def _written(folder: Path, opens: int) -> Path:
    """A window that opens then, having been closed for an hour or more."""
    hours = [f"{datetime.fromtimestamp(at, UTC):%H:%M}" for at in (opens, opens - 7200)]
    window = f'[[window]]\nlane = "marketing"\ncountry = "86"\nopens = "{hours[0]}"\ncloses = "{hours[1]}"\nzone = "Etc/UTC"\n'
    file = folder / "limits.toml"
    file.write_text(f'version = 1\ncountries = "any"\n{window}', encoding="utf-8")
    return file


def _deferred(ground: Ground, worker: Process, waiting: int, opens: int) -> int:
    """Wait until each has been put off to the opening; the most that are due in one second."""
    least = opens * 1000

    def all_put_off() -> bool:
        return int(ground.redis.zcount("{sms}:agenda", least, f"({least + 1000 * (waiting / _RATE + 600):.0f}")) >= waiting

    ground.processes.wait(worker, all_put_off, "every message waits for the opening", max(1.0, opens - _AHEAD / 2 - time.time()))
    instants = [at for _, at in ground.redis.zrange("{sms}:agenda", 0, -1, withscores=True) if at >= least]
    return max(Counter(int(at // 1000) for at in instants).values())

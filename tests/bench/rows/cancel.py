"""Codes while a large campaign is cancelled: how long they take to the vendor, and how long before, in the same run."""

import contextlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

from smsrelay import Enqueuer, ProducerSettings
from tests.bench.figures import percentile
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.processes import Process, python
from tests.bench.result import Figure, Target
from tests.bench.rows.otp import codes_at_the_vendor
from tests.bench.sides import RelaySide, fill_together, workers

_RATE = 100
_TOGETHER, _PAUSE = 20, 0.1  # codes between two looks at the command, and seconds between two codes
_CAMPAIGN = "spring"
_MIB = 1024


@dataclass(frozen=True, slots=True)
class Run:
    """Milliseconds of each code before and during the cancel; what the command did and held."""

    before: list[float]
    during: list[float]
    cancelled_per_second: float
    command_mib: float
    store_mib: tuple[float, float]  # before the cancel, and its peak


def measure(conditions: Conditions) -> list[Figure]:
    """1,000,000 waiting messages (quick: 30,000), with a worker that submits at 100 a second."""
    many = 30_000 if conditions.quick else 1_000_000
    runs = [_run(conditions, many) for _ in range(conditions.runs)]
    what = f"codes while {many:,} waiting messages are cancelled / before, enqueue → vendor"
    note = (
        f"the command held {max(run.command_mib for run in runs):.0f} MiB at its peak; the store "
        f"{runs[-1].store_mib[0]:,.0f} MiB before, {runs[-1].store_mib[1]:,.0f} MiB at its peak"
    )
    return [
        *(
            Figure(f"{what}, p{share * 100:g}", "×", [_ratio(run, share) for run in runs], target=Target("value", most=most))
            for share, most in ((0.5, 1.5), (0.99, 3))
        ),
        Figure(f"codes while {many:,} are cancelled, p99", "ms", [percentile(run.during, 0.99) for run in runs]),
        Figure(f"cancelled per second of {many:,} waiting", "/s", [run.cancelled_per_second for run in runs], note=note),
    ]


def _ratio(run: Run, share: float) -> float:
    return percentile(run.during, share) / percentile(run.before, share)


def _run(conditions: Conditions, many: int) -> Run:
    side = RelaySide(rate=_RATE, campaign=_CAMPAIGN)
    with a_ground(conditions) as ground:
        fill_together(side, ground, "bulk", many)
        [worker] = workers(side, ground, [])
        ground.processes.wait(worker, lambda: ground.vendor.arrived() > _RATE, "the vendor sees submits")
        number_keys = side.environment(ground)["SMSRELAY_NUMBER_KEYS"]
        settings = ProducerSettings(broker_url=ground.redis_url, store_url=ground.redis_url, number_keys=number_keys)
        with Enqueuer.connect(settings) as enqueuer:
            before = codes_at_the_vendor(ground, enqueuer, 30 if conditions.quick else 200, _PAUSE)
            return _cancelling(side, ground, enqueuer, before)


def _cancelling(side: RelaySide, ground: Ground, enqueuer: Enqueuer, before: list[float]) -> Run:
    memory = peak = _store_mib(ground)
    command = python("-m", "smsrelay_worker", "campaign", "cancel", _CAMPAIGN, "--app", "bench")
    process, began = ground.processes.start(ground.name("cancel"), command, side.environment(ground)), time.monotonic()
    during: list[float] = []
    held = 0.0
    while process.alive():
        during += codes_at_the_vendor(ground, enqueuer, _TOGETHER, _PAUSE, offset=1_000 + len(during))
        peak, held = max(peak, _store_mib(ground)), max(held, _peak_mib(process))
    seconds = time.monotonic() - began
    said = re.search(r"cancelled: ([\d,]+) of", ground.processes.finish(process))
    cancelled = int(said[1].replace(",", "")) if said else 0
    return Run(before, during, cancelled / seconds, held, (memory, peak))


def _store_mib(ground: Ground) -> float:
    return int(ground.redis.info("memory")["used_memory"]) / _MIB**2


def _peak_mib(process: Process) -> float:
    with contextlib.suppress(OSError):  # it has ended
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.popen.pid}/status").read_text("ascii"))
        return int(found[1]) / _MIB if found else 0.0
    return 0.0

"""Submits a second of one worker process with a million messages queued, compared with a thousand queued."""

import threading

from smsrelay.contract.lanes import Lane
from smsrelay.enqueue import CHUNK
from tests.bench.figures import steady_rate
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.result import Figure, Target
from tests.bench.sides import RelaySide, fill_together, workers
from tests.bench.watch import watch

_FEW = 1_000


def measure(conditions: Conditions) -> list[Figure]:
    """Runs on the large backlog alternate with runs on a small one; the large one is filled once."""
    many = 30_000 if conditions.quick else 1_000_000
    side = RelaySide()
    large, small = [], []
    with a_ground(conditions) as ground:
        fill_together(side, ground, "bulk", many)
        held = int(ground.redis.info("memory")["used_memory"])
        for _ in range(conditions.runs):
            large.append(_submits(conditions, side, ground))
            small.append(_submits_of_few(conditions, side))
    shares = [one / other for one, other in zip(large, small, strict=True)]
    what = f"throughput with {many:,} queued / with {_FEW:,} queued"
    note = f"{held / many:,.0f} B of Redis a message before the first submit"
    return [
        Figure(what, "×", shares, target=Target("value", least=0.95), note=note),
        Figure(f"submitted per second with {many:,} queued", "/s", large),
    ]


def _submits(conditions: Conditions, side: RelaySide, ground: Ground) -> float:
    """The rate of a worker that is started, watched and stopped."""
    before = ground.vendor.arrived()
    [worker] = workers(side, ground, [Lane.MARKETING])
    ground.processes.wait(worker, lambda: ground.vendor.arrived() > before, "the vendor sees a submit")
    watched = watch(ground, [worker], 3.0 if conditions.quick else 8.0, 10**9)
    if conditions.runs > 1:
        worker.stop(20)  # its reserved tasks are requeued, so that the next run finds the queue as this one did
    return steady_rate(watched.instants)


def _submits_of_few(conditions: Conditions, side: RelaySide) -> float:
    with a_ground(conditions) as ground:
        fill_together(side, ground, "bulk", _FEW)
        done = threading.Event()
        feeder = threading.Thread(target=_feed, args=(side, ground, done))
        feeder.start()
        try:
            return _submits(conditions, side, ground)
        finally:
            done.set()
            feeder.join()


def _feed(side: RelaySide, ground: Ground, done: threading.Event) -> None:
    """Keep a thousand queued, beyond what the worker has reserved."""
    offset = 10_000
    while not done.is_set():
        if CHUNK * ground.redis.llen(Lane.MARKETING.queue) < _FEW:
            side.fill(ground, "bulk", 4 * _FEW, Lane.MARKETING, offset)
            offset += 4 * _FEW
        done.wait(0.02)

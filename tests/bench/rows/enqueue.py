"""Enqueueing by one producer process: the relay's two calls beside Celery's ``delay``."""

from tests.bench.ground import Conditions, a_ground
from tests.bench.result import Figure, Target
from tests.bench.sides import BaselineSide, RelaySide, Side


def measure(conditions: Conditions) -> list[Figure]:
    """Jobs a second from the making of the job until it is on the queue."""
    least = 1_000 if conditions.quick else 5_000
    runs = [
        (
            _rate(conditions, RelaySide(), "bulk", 10 * least),
            _rate(conditions, RelaySide(), "single", least),
            _rate(conditions, BaselineSide(), "single", least),
            _rate(conditions, BaselineSide(), "bulk", least),
        )
        for _ in range(conditions.runs)
    ]
    bulk, single, delay, group = ([run[place] for run in runs] for place in range(4))
    return [
        Figure("enqueued per second, one producer process, bulk / delay", "/s", bulk, delay, Target("ratio", least=10)),
        Figure("enqueued per second, one producer process, single / delay", "/s", single, delay, Target("ratio", least=0.8)),
        Figure("enqueued per second, one producer process, bulk / a group of single tasks", "/s", bulk, group),
    ]


def _rate(conditions: Conditions, side: Side, how: str, count: int) -> float:
    with a_ground(conditions) as ground:
        return side.fill(ground, how, count).rate

"""Callbacks that one receiver process takes, durable before the 200, beside Flask under gunicorn; and how long they take at half
of that. No worker runs: what is measured ends on the queue."""

import json
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tests.bench.figures import percentile
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.processes import PartFailed, clean_environment, python
from tests.bench.result import Figure, Target
from tests.bench.sides import BaselineSide, RelaySide, Side

_CALLERS = 2  # processes, so that the callers are not what is measured
_CONNECTIONS = 64  # of each
_MESSAGES = 10**9  # numbers of a caller


@dataclass(frozen=True, slots=True)
class Taken:
    """What a side took at its peak (a second), and milliseconds a call at half of it."""

    peak: float
    took: list[float]


def measure(conditions: Conditions) -> list[Figure]:
    """Peak, then half of each side's own peak."""
    runs = [(_run(conditions, RelaySide()), _run(conditions, BaselineSide())) for _ in range(conditions.runs)]
    ours, baseline = [run[0] for run in runs], [run[1] for run in runs]
    peaks = [[one.peak for one in side] for side in (ours, baseline)]
    halves = f"at half of its own peak, {_CALLERS * _CONNECTIONS} connections"
    return [
        Figure("callbacks accepted per second, one process", "/s", peaks[0], peaks[1], Target("ratio", least=10)),
        _latency(f"callback answered after, p50, {halves}", ours, baseline, 0.5, None),
        _latency(f"callback answered after, p99, {halves}", ours, baseline, 0.99, Target("ratio", most=1)),
    ]


def _latency(what: str, ours: list[Taken], baseline: list[Taken], share: float, target: Target | None) -> Figure:
    values = [[percentile(one.took, share) for one in side] for side in (ours, baseline)]
    return Figure(what, "ms", values[0], values[1], target)


def _run(conditions: Conditions, side: Side) -> Taken:
    seconds = 2.0 if conditions.quick else 8.0
    with a_ground(conditions) as ground:
        port = side.receiver(ground)
        _call(ground, side, port, 0, 1.0, 0)  # a first second, not counted: connections, imports
        told = _call(ground, side, port, 0, seconds, 1)
        peak = sum(one["answered"] / one["seconds"] for one in told)
        took = [one["took"] for one in _call(ground, side, port, peak / 2 / _CALLERS, seconds, 2)]
        return Taken(peak, list(chain.from_iterable(took)))


def _call(ground: Ground, side: Side, port: int, rate: float, seconds: float, part: int) -> list[dict[str, Any]]:
    started = []
    for place in range(_CALLERS):
        first = (part * _CALLERS + place) * _MESSAGES
        arguments = (side.name, str(port), str(_CONNECTIONS), str(rate), str(seconds), str(first))
        started.append(
            ground.processes.start(ground.name("caller"), python("-m", "tests.bench.caller", *arguments), clean_environment())
        )
    told = [json.loads(ground.processes.finish(one).splitlines()[-1]) for one in started]
    for one in told:
        if one["refused"] or one["unanswered"]:
            raise PartFailed(f"{side.name}: {one['refused']} callbacks refused, {one['unanswered']} unanswered")
    return told

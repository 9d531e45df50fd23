"""Callbacks that one receiver process takes, durable before the 200, beside Flask under gunicorn; and how long they take at half
of each side's own peak, and at half of the baseline's for both. No worker runs: what is measured ends on the queue."""

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
    """What a side took at its peak (a second), and milliseconds a call at half of it and at half of the baseline's."""

    peak: float
    at_half: list[float]
    at_baseline_half: list[float]


def measure(conditions: Conditions) -> list[Figure]:
    """The baseline first: half of its peak is the load that both get."""
    baseline, ours = [], []
    for _ in range(conditions.runs):
        baseline.append(_run(conditions, BaselineSide()))
        ours.append(_run(conditions, RelaySide(), baseline[-1].peak))
    peaks = [[one.peak for one in side] for side in (ours, baseline)]
    own = [[one.at_half for one in side] for side in (ours, baseline)]
    same = [[one.at_baseline_half for one in side] for side in (ours, baseline)]
    return [
        Figure("callbacks accepted per second, one process", "/s", peaks[0], peaks[1], Target("ratio", least=10)),
        *_latency("at half of its own peak", own[0], own[1]),
        *_latency("at half of the baseline's peak, both", same[0], same[1]),
    ]


def _latency(load: str, ours: list[list[float]], baseline: list[list[float]]) -> list[Figure]:
    what = f"{load}, {_CALLERS * _CONNECTIONS} connections"
    halfway, slowest = ([[percentile(run, share) for run in side] for side in (ours, baseline)] for share in (0.5, 0.99))
    return [
        Figure(f"callback answered after, p50, {what}", "ms", halfway[0], halfway[1]),
        Figure(f"callback answered after, p99, {what}", "ms", slowest[0], slowest[1], Target("ratio", most=1)),
    ]


def _run(conditions: Conditions, side: Side, baseline_peak: float | None = None) -> Taken:
    """One side on a ground of its own; without another's peak, its own is the baseline's."""
    seconds = 2.0 if conditions.quick else 8.0
    with a_ground(conditions) as ground:
        port = side.receiver(ground)
        _call(ground, side, port, 0, 1.0, 0)  # a first second, not counted: connections, imports
        told = _call(ground, side, port, 0, seconds, 1)
        peak = sum(one["answered"] / one["seconds"] for one in told)
        at_half = _took(_call(ground, side, port, peak / 2 / _CALLERS, seconds, 2))
        if baseline_peak is None:
            return Taken(peak, at_half, at_half)
        return Taken(peak, at_half, _took(_call(ground, side, port, baseline_peak / 2 / _CALLERS, seconds, 3)))


def _took(told: list[dict[str, Any]]) -> list[float]:
    return list(chain.from_iterable(one["took"] for one in told))


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

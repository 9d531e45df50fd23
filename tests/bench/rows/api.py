"""Messages that one process of the HTTP API accepts, beside a FastAPI app that calls ``.delay``; and how long they take at half
of each side's own peak, and at half of the baseline's. No worker runs: what is measured ends on the queue."""

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
_MESSAGES = 40_000_000  # numbers of a caller
_CLIENTS = f"{_CALLERS * _CONNECTIONS} connections"


@dataclass(frozen=True, slots=True)
class _Run:
    """``peak``: accepted a second. ``own``, ``same``: milliseconds a call, at half of its own and of the baseline's peak."""

    peak: float
    own: list[float]
    same: list[float]


def measure(conditions: Conditions) -> list[Figure]:
    """One job a request, each recorded and queued before the 202."""
    ours, baseline = [], []
    for _ in range(conditions.runs):
        baseline.append(_run(conditions, BaselineSide()))
        ours.append(_run(conditions, RelaySide(), baseline[-1].peak))
    peaks = [one.peak for one in ours], [one.peak for one in baseline]
    return [
        Figure("messages accepted per second by the HTTP API, one process", "/s", *peaks, Target("ratio", least=5)),
        *_latencies(f"at half of its own peak, {_CLIENTS}", [one.own for one in ours], baseline),
        *_latencies(f"at half of the baseline's peak, both, {_CLIENTS}", [one.same for one in ours], baseline),
    ]


def _latencies(where: str, ours: list[list[float]], baseline: list[_Run]) -> list[Figure]:
    halfway, slowest = (
        ([percentile(one, share) for one in ours], [percentile(one.own, share) for one in baseline]) for share in (0.5, 0.99)
    )
    return [
        Figure(f"message accepted after, p50, {where}", "ms", *halfway),
        Figure(f"message accepted after, p99, {where}", "ms", *slowest, Target("ratio", most=1)),
    ]


def _run(conditions: Conditions, side: Side, other_peak: float = 0.0) -> _Run:
    seconds = 2.0 if conditions.quick else 8.0
    with a_ground(conditions) as ground:
        port, key = side.api(ground)
        _call(ground, port, key, 0, 1.0, 0)  # a first second, not counted: connections, imports
        told = _call(ground, port, key, 0, seconds, 1)
        peak = sum(one["answered"] / one["seconds"] for one in told)
        halves = [peak / 2, other_peak / 2] if other_peak else [peak / 2]
        took = [_took(_call(ground, port, key, half / _CALLERS, seconds, part)) for part, half in enumerate(halves, 2)]
        return _Run(peak, took[0], took[-1])


def _took(told: list[dict[str, Any]]) -> list[float]:
    return list(chain.from_iterable(one["took"] for one in told))


def _call(ground: Ground, port: int, key: str, rate: float, seconds: float, part: int) -> list[dict[str, Any]]:
    started = []
    for place in range(_CALLERS):
        first = place * _MESSAGES + part * 1_000_000
        command = python("-m", "tests.bench.caller", "api", *map(str, (port, _CONNECTIONS, rate, seconds, first)))
        started.append(ground.processes.start(ground.name("caller"), command, clean_environment() | {"BENCH_API_KEY": key}))
    told = [json.loads(ground.processes.finish(one).splitlines()[-1]) for one in started]
    for one in told:
        if one["refused"] or one["unanswered"]:
            raise PartFailed(f"{one['refused']} messages refused, {one['unanswered']} unanswered")
    return told

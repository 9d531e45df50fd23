"""Messages that one process of the HTTP API accepts, beside a FastAPI app that calls ``.delay``; and how long they take at half
of each side's own peak. No worker runs: what is measured ends on the queue."""

import json
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


def measure(conditions: Conditions) -> list[Figure]:
    """One job a request, each recorded and queued before the 202."""
    runs = [(_run(conditions, RelaySide()), _run(conditions, BaselineSide())) for _ in range(conditions.runs)]
    peaks = [[run[place][0] for run in runs] for place in range(2)]
    halfway, slowest = ([[percentile(run[place][1], share) for run in runs] for place in range(2)] for share in (0.5, 0.99))
    what = f"at half of its own peak, {_CALLERS * _CONNECTIONS} connections"
    return [
        Figure("messages accepted per second by the HTTP API, one process", "/s", peaks[0], peaks[1], Target("ratio", least=5)),
        Figure(f"message accepted after, p50, {what}", "ms", halfway[0], halfway[1]),
        Figure(f"message accepted after, p99, {what}", "ms", slowest[0], slowest[1], Target("ratio", most=1)),
    ]


def _run(conditions: Conditions, side: Side) -> tuple[float, list[float]]:
    """Accepted a second at the peak, and milliseconds a call at half of it."""
    seconds = 2.0 if conditions.quick else 8.0
    with a_ground(conditions) as ground:
        port, key = side.api(ground)
        _call(ground, port, key, 0, 1.0, 0)  # a first second, not counted: connections, imports
        told = _call(ground, port, key, 0, seconds, 1)
        peak = sum(one["answered"] / one["seconds"] for one in told)
        at_half = _call(ground, port, key, peak / 2 / _CALLERS, seconds, 2)
        return peak, list(chain.from_iterable(one["took"] for one in at_half))


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

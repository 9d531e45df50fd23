"""What it costs that replicas must have a write before it counts: enqueueing and submitting with 0, 1 and 2, by turns.

Two replicas follow the store in every case, on this machine and this disk; what differs is for how many a write waits.
"""

from contextlib import ExitStack

from smsrelay.contract.lanes import Lane
from tests.bench.ground import Conditions, a_ground
from tests.bench.result import Figure
from tests.bench.sides import RelaySide
from tests.bench.turns import a_turn, ratios

_SERVERS = 2  # replicas that follow
_WAITED_FOR = (0, 1, 2)
_HOWS = {"single": Lane.OTP, "bulk": Lane.MARKETING}
_FASTEST = {"bulk": 1500, "single": 900}  # a second, which a backlog has to last for


def measure(conditions: Conditions) -> list[Figure]:
    """Each ratio compares a slice with the mean of the two slices without waiting beside it."""
    enqueued = [figure for how in _HOWS for figure in _enqueued(conditions, how)]
    return [*enqueued, *(figure for how in _HOWS for figure in _submitted(conditions, how))]


def _enqueued(conditions: Conditions, how: str) -> list[Figure]:
    slices = 3 if conditions.quick else 12
    count = (20 if how == "bulk" else 1) * (300 if conditions.quick else 1_000)
    sides = [RelaySide(replicas=number) for number in _WAITED_FOR]
    rates: list[list[float]] = [[] for _ in sides]
    with a_ground(conditions, replicas=_SERVERS) as ground:
        for turn in range(len(sides) * slices + 1):
            which = turn % len(sides)
            rates[which].append(sides[which].fill(ground, how, count, Lane.MARKETING, turn * count).rate)
    figures = _ratios(f"enqueued per second, one producer process, {how}", rates)
    if how == "single":
        figures += [
            Figure(f"a single enqueue takes, {_words(number)}", "ms", [1000 / rate for rate in rates[number]])
            for number in _WAITED_FOR
        ]
    return figures


def _submitted(conditions: Conditions, how: str) -> list[Figure]:
    slices, seconds = (3, 0.8) if conditions.quick else (15, 1.5)
    count = int(_FASTEST[how] * ((seconds + 0.3) * (slices + 1) + 2))  # 2 s before the first slice
    with ExitStack() as running:
        turns = [
            running.enter_context(a_turn(conditions, RelaySide(replicas=number), how, _HOWS[how], count, _SERVERS))
            for number in _WAITED_FOR
        ]
        rates: list[list[float]] = [[] for _ in turns]
        for turn in range(len(turns) * slices + 1):
            which = turn % len(turns)
            rates[which].append(turns[which].slice(seconds).rate)
    return _ratios(f"submitted per second, one worker process, {how}", rates)


def _ratios(what: str, rates: list[list[float]]) -> list[Figure]:
    without = rates[0]
    return [
        Figure(f"{what}, {_words(number)} / none", "×", ratios(without, rates[number])) for number in _WAITED_FOR if number > 0
    ]


def _words(number: int) -> str:
    return "waiting for no replica" if number == 0 else f"waiting for {number} replica{'s' if number > 1 else ''}"

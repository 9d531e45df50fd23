"""The plan of the load: which messages are enqueued when, how, and what the vendor will do with each. Pure, from a seed.

Takes seed, seconds, messages a second, the calms, the faults and the campaigns to come; returns batches in the order of their
times: the usual load, bursts in the calms, volleys aimed at faults, campaigns, and a pool of a few numbers that get too much.
Every other number is used once, so what the simulator saw of it is what it saw of one message.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

from smsrelay.contract.lanes import Lane
from tests.chaos.faults.calm import Calm, is_calm
from tests.chaos.faults.faults import Fault
from tests.chaos.limits.steering import Steering
from tests.chaos.load.behaviour import choose
from tests.chaos.load.burst import bursts
from tests.chaos.load.campaigns import campaigns
from tests.chaos.load.planned import Batch, Planned
from tests.chaos.load.pool import pool
from tests.chaos.load.volley import volleys

_LANES = ((Lane.OTP, 40), (Lane.NOTICE, 35), (Lane.MARKETING, 25))
_BATCHES = 0.4  # share of messages enqueued in batches
_BATCH = (10, 120)


def plan(
    seed: int,
    seconds: float,
    rate: float,
    quiet: Sequence[Calm],
    faults: Sequence[Fault] = (),
    steered: Sequence[Steering] = (),
) -> list[Batch]:
    """Every batch of a run."""
    aimed = volleys(Random(f"{seed} volleys"), _numbers(1), faults)
    silent = bursts(Random(f"{seed} bursts"), _numbers(2), quiet)
    usual = _usual(Random(f"{seed} load"), seconds, rate, quiet)
    crowded = pool(Random(f"{seed} pool"), quiet)
    named = campaigns(Random(f"{seed} campaigns"), _numbers(4), steered)
    return sorted([*usual, *aimed, *silent, *crowded, *named], key=lambda batch: batch.at)


def _numbers(block: int) -> Iterator[str]:
    """Mobile numbers unique to this block."""
    return (f"+861390{block}{number:06d}" for number in count())


def _usual(random: Random, seconds: float, rate: float, quiet: Sequence[Calm]) -> Iterator[Batch]:
    numbers = _numbers(0)
    mean = 1 / ((1 - _BATCHES) + _BATCHES / (sum(_BATCH) / 2))  # messages a call
    at = random.expovariate(rate / mean)
    while at < seconds:
        if not is_calm(at, quiet):
            yield _batch(random, numbers, at, mean)
        at += random.expovariate(rate / mean)


def _batch(random: Random, numbers: Iterator[str], at: float, mean: float) -> Batch:
    lane = _lane(random)
    if random.random() < _BATCHES / (sum(_BATCH) / 2) * mean:
        return Batch(at, tuple(_message(random, next(numbers), lane) for _ in range(random.randint(*_BATCH))))
    return Batch(at, (_special(random, _message(random, next(numbers), lane)),))


def _lane(random: Random) -> Lane:
    return random.choices([lane for lane, _ in _LANES], [weight for _, weight in _LANES])[0]


def _message(random: Random, number: str, lane: Lane) -> Planned:
    return Planned(number, f"chaos-{number[-7:]}", lane, choose(random), _expires_in(random))


def _expires_in(random: Random) -> int | None:
    """Most get their lane's deadline, some at most a minute, some only seconds, which pass easily."""
    roll = random.random()
    if roll < 0.04:
        return random.randint(8, 60)
    return random.randint(1, 4) if roll < 0.09 else None


def _special(random: Random, message: Planned) -> Planned:
    """Make some single messages wait, get cancelled, come twice, stay unpublished or lack a reference."""
    roll = random.random()
    changed: dict[str, Any] = {}
    if roll < 0.06:
        changed = {"not_before": random.uniform(0.5, 6.0), "expires_in": None}
    elif roll < 0.10:
        changed = {"not_before": random.uniform(2.0, 5.0), "cancel_after": random.uniform(0.0, 4.0), "expires_in": None}
    elif roll < 0.12:
        changed = {"cancel_after": random.uniform(0.0, 0.05)}
    elif roll < 0.17:
        changed = {"twice": True}
    elif roll < 0.19:
        changed = {"unpublished": True}
    elif roll < 0.24:
        changed = {"reference": None}
    return replace(message, **changed)

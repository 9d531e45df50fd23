"""The plan of the load: which messages are enqueued when, how, and what the vendor will do with each. Pure, from a seed.

Enters: seed, seconds, messages a second. Leaves: batches in the order of their times. Every number is used once, so what the
simulator saw of a number is what it saw of one message.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from producers.lanes import Lane
from tests.chaos.behaviour import Behaviour, choose

_LANES = ((Lane.OTP, 40), (Lane.NOTICE, 35), (Lane.MARKETING, 25))
_BATCHES = 0.4  # share of messages that travel in batches
_BATCH = (10, 120)


@dataclass(frozen=True, slots=True)
class Planned:
    """One message to be. Times in seconds; None: not."""

    number: str
    reference: str | None
    lane: Lane
    behaviour: Behaviour
    expires_in: int | None = None
    not_before: float | None = None  # from the moment it is enqueued
    cancel_after: float | None = None
    twice: bool = False  # the app enqueues it again although it was accepted
    unpublished: bool = False  # the producer dies between record and publish


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages enqueued in one call, ``at`` seconds from the start."""

    at: float
    messages: tuple[Planned, ...]


def plan(seed: int, seconds: float, rate: float) -> list[Batch]:
    """Every batch of a run."""
    random = Random(f"{seed} load")
    numbers = (f"+8613900{number:06d}" for number in range(1_000_000))
    return list(_batches(random, numbers, seconds, rate))


def _batches(random: Random, numbers: Iterator[str], seconds: float, rate: float) -> Iterator[Batch]:
    mean = 1 / ((1 - _BATCHES) + _BATCHES / (sum(_BATCH) / 2))  # messages a call
    at = random.expovariate(rate / mean)
    while at < seconds:
        lane = _lane(random)
        if random.random() < _BATCHES / (sum(_BATCH) / 2) * mean:
            yield Batch(at, tuple(_message(random, next(numbers), lane) for _ in range(random.randint(*_BATCH))))
        else:
            yield Batch(at, (_special(random, _message(random, next(numbers), lane)),))
        at += random.expovariate(rate / mean)


def _lane(random: Random) -> Lane:
    return random.choices([lane for lane, _ in _LANES], [weight for _, weight in _LANES])[0]


def _message(random: Random, number: str, lane: Lane, **more: object) -> Planned:
    expires_in = random.randint(8, 60) if random.random() < 0.04 else None
    return Planned(number, f"chaos-{number[-6:]}", lane, choose(random), expires_in, **more)


def _special(random: Random, message: Planned) -> Planned:
    """Some single messages wait, are withdrawn, come twice, are left unpublished or have no reference."""
    roll = random.random()
    changed = {}
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
    fields = {name: getattr(message, name) for name in message.__slots__}
    return Planned(**{**fields, **changed})

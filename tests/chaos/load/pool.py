"""The pool: a few numbers that get more texts than their caps allow, while the rest of the load keeps its pace.

A code comes as from a button that is pressed up to five times within half a second, each time with a reference of its own;
notices come in clumps too; and a little marketing asks for any hour. Everything of the pool expires before the next calm.

Pure. Takes a ``Random`` and the calms; returns batches.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random

from smsrelay.contract.lanes import Lane
from tests.chaos.faults.calm import Calm, loud
from tests.chaos.load.behaviour import choose
from tests.chaos.load.planned import Batch, Planned

NUMBERS = tuple(f"+8613903{number:06d}" for number in range(8))
_APPS = ("shop", "bank")
_EVERY = 1.5  # seconds, on average, from clump to clump
_KINDS = ((Lane.OTP, 50), (Lane.NOTICE, 35), (Lane.MARKETING, 15))
_SIZES = {Lane.OTP: (1, 5), Lane.NOTICE: (1, 4), Lane.MARKETING: (1, 2)}
_WITHIN = 0.5  # seconds
_EXPIRES = (10, 50)
_FIRST, _LAST = 2.0, 14.0  # seconds of a loud stretch before the first clump, and after the last


def pool(random: Random, quiet: Sequence[Calm]) -> Iterator[Batch]:
    """Every message to a number of the pool."""
    references = count()
    for since, until in loud(quiet):
        at = since + _FIRST
        while at < until - _LAST:
            lane = random.choices([lane for lane, _ in _KINDS], [weight for _, weight in _KINDS])[0]
            number, sender = random.choice(NUMBERS), random.choice(_APPS)
            for _ in range(random.randint(*_SIZES[lane])):
                expires_in = min(random.randint(*_EXPIRES), int(until - at))
                message = _message(random, number, f"pool-{next(references):05d}", lane, sender, expires_in)
                yield Batch(at + random.uniform(0, _WITHIN), (message,))
            at += random.expovariate(1 / _EVERY)


def _message(random: Random, number: str, reference: str, lane: Lane, sender: str, expires_in: int) -> Planned:
    behaviour = choose(random)
    while behaviour.sequence is None:  # a script is a number's, and here a number has many messages
        behaviour = choose(random)
    return Planned(number, reference, lane, behaviour, expires_in=expires_in, sender=sender, any_hour=lane is Lane.MARKETING)

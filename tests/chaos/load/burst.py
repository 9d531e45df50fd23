"""Bursts: the load in a calm. Within 20 ms every lane gets pairs, one call each, and one or two singles; then nothing.

The vendor answers after 0.4 s, a pair a little later than a single, and never reports; meanwhile the store stands still for a
moment (``faults``). So answers of pairs come in while that of a single is being recorded. One that is left lying then stays: no
later answer picks it up, and no report settles the attempt in its place.

Pure. Takes a ``Random``, fresh numbers and the calms; returns batches.
"""

from collections.abc import Iterable, Iterator
from random import Random

from smsrelay.contract.lanes import Lane
from tests.chaos.faults.calm import Calm
from tests.chaos.load.behaviour import Behaviour
from tests.chaos.load.planned import Batch, Planned

_WITHIN = 0.020  # seconds
_PAIRS = 3  # a lane
_SINGLES = (1, 1, 2)  # a lane, one of these
_ANSWERS = {1: (0.400, 0.405), 2: (0.425, 0.455)}  # seconds, by size


def bursts(random: Random, numbers: Iterator[str], calms: Iterable[Calm]) -> Iterator[Batch]:
    """Every burst of every calm."""
    for calm in calms:
        for at in calm.bursts():
            for lane in Lane:
                for size in (2,) * _PAIRS + (1,) * random.choice(_SINGLES):
                    messages = tuple(_message(random, next(numbers), lane, size) for _ in range(size))
                    yield Batch(at + random.uniform(0, _WITHIN), messages, scripted_ahead=True)


def _message(random: Random, number: str, lane: Lane, size: int) -> Planned:
    answer = {"answer": "accept", "delay": round(random.uniform(*_ANSWERS[size]), 4), "reports": []}
    return Planned(number, f"burst-{number[-7:]}", lane, Behaviour("answer after 0.4 s, never reported", 0, (answer,)))

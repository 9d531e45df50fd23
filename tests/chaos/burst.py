"""Bursts: what comes in a calm. Every lane gets pairs, enqueued by one call each, and singles, all within 20 ms; then nothing.

A vendor of 0.4 s answers all of them within a few milliseconds, while other answers are being recorded, and never reports. An
answer that is left lying then stays there: no later one picks it up, and no report settles the attempt in its place.

Pure. Takes a ``Random``, fresh numbers and the calms; returns batches.
"""

from collections.abc import Iterable, Iterator
from random import Random

from producers.lanes import Lane
from tests.chaos.behaviour import Behaviour
from tests.chaos.calm import Calm
from tests.chaos.planned import Batch, Planned

_WITHIN = 0.020  # seconds
_PAIRS = 2  # a lane: one for each worker, if chance will have it
_SINGLES = 4
_ANSWER = (0.400, 0.412)  # seconds


def bursts(random: Random, numbers: Iterator[str], calms: Iterable[Calm]) -> Iterator[Batch]:
    """Every burst of every calm."""
    for calm in calms:
        for at in calm.bursts():
            for lane in Lane:
                for size in (2,) * _PAIRS + (1,) * _SINGLES:
                    messages = tuple(_message(random, next(numbers), lane) for _ in range(size))
                    yield Batch(at + random.uniform(0, _WITHIN), messages, scripted_ahead=True)


def _message(random: Random, number: str, lane: Lane) -> Planned:
    answer = {"answer": "accept", "delay": round(random.uniform(*_ANSWER), 4), "reports": []}
    return Planned(number, f"burst-{number[-7:]}", lane, Behaviour("answer after 0.4 s, never reported", 0, (answer,)))

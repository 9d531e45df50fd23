"""The messages of campaigns: small batches over a loud stretch, most of which wait for an instant of their own.

Pure. Takes a ``Random``, fresh numbers and the campaigns; returns batches.
"""

from collections.abc import Iterable, Iterator
from random import Random

from smsrelay.contract.lanes import Lane
from tests.chaos.limits.steering import Steering
from tests.chaos.load.behaviour import choose
from tests.chaos.load.planned import Batch, Planned

_SIZE = 5
_EVERY = 4.0  # seconds from batch to batch
_LANES = (Lane.NOTICE, Lane.MARKETING)
_WAITS = 0.7  # share of messages that wait
_FIRST, _LAST = 1.0, 4.0  # seconds of a stretch before the first batch, and after the last message is due


def campaigns(random: Random, numbers: Iterator[str], plan: Iterable[Steering]) -> Iterator[Batch]:
    """Every message of every campaign."""
    for steering in plan:
        at = steering.since + _FIRST
        while at < steering.until - 2 * _LAST:
            latest = steering.until - _LAST - at
            yield Batch(at, tuple(_message(random, next(numbers), steering, latest) for _ in range(_SIZE)))
            at += random.uniform(0.5 * _EVERY, 1.5 * _EVERY)


def _message(random: Random, number: str, steering: Steering, latest: float) -> Planned:
    return Planned(
        number,
        f"campaign-{number[-7:]}",
        random.choice(_LANES),
        choose(random),
        not_before=random.uniform(0.5, latest) if random.random() < _WAITS else None,
        sender=steering.app,
        campaign=steering.name,
    )

"""Volleys: hundreds of messages in flight to the vendor at the very moment a fault strikes.

Some bugs need a message in a state that lasts milliseconds. Left to chance, a run of minutes would hardly ever hit them.

Pure. Takes a ``Random``, fresh numbers and the faults to come; returns batches.
"""

from collections.abc import Iterable, Iterator
from random import Random

from smsrelay.contract.lanes import Lane
from tests.chaos.faults.faults import FROZEN_BRIEFLY, REPLIES_LOST, Fault
from tests.chaos.load.behaviour import HALTED_THEN_UNCERTAIN, THROTTLED_THEN_UNCERTAIN, choose
from tests.chaos.load.planned import Batch, Planned

_AHEAD_OF_LOST_REPLIES = (0.3, 0.9)  # seconds; the vendor answers the first submit after more than that
_PUT_OFF = 20  # singles, of which each worker attempts about half
_LANES = (Lane.NOTICE, Lane.NOTICE, Lane.NOTICE, Lane.MARKETING, Lane.OTP)
_HALTS = 0.3  # share of these volleys that the vendor halts; it throttles the others
_AHEAD_OF_A_FREEZE = (0.05, 0.25)
_BULK = 50


def volleys(random: Random, numbers: Iterator[str], faults: Iterable[Fault]) -> Iterator[Batch]:
    """Every volley of a run."""
    for fault in faults:
        if fault.kind.name == REPLIES_LOST:
            yield from _put_off(random, numbers, fault)
        elif fault.kind.name == FROZEN_BRIEFLY:
            yield from _due_soon(random, numbers, fault)


def _put_off(random: Random, numbers: Iterator[str], fault: Fault) -> Iterator[Batch]:
    """Deferred submits: one worker records the deferral but loses the reply; the other begins them again, in vain."""
    behaviour = HALTED_THEN_UNCERTAIN if random.random() < _HALTS else THROTTLED_THEN_UNCERTAIN
    for _ in range(_PUT_OFF):
        number = next(numbers)
        message = Planned(number, f"volley-{number[-7:]}", random.choice(_LANES), behaviour)
        yield Batch(fault.at - random.uniform(*_AHEAD_OF_LOST_REPLIES), (message,), scripted_ahead=True)


def _due_soon(random: Random, numbers: Iterator[str], fault: Fault) -> Iterator[Batch]:
    """Submits begun just before a process is frozen, whose deadline passes during the freeze."""
    for lane in Lane:
        ours = (next(numbers) for _ in range(_BULK))
        messages = tuple(Planned(one, f"volley-{one[-7:]}", lane, choose(random), expires_in=1) for one in ours)
        yield Batch(fault.at - random.uniform(*_AHEAD_OF_A_FREEZE), messages, scripted_ahead=True)

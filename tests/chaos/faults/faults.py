"""The faults: what breaks, when, and for how long. Pure; derived from a seed.

Takes a seed, the seconds of a run and its calms, in which nothing is broken; returns the schedule. ``hand`` carries it out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.faults.calm import Calm, is_calm

EVERY = 2.5  # seconds between faults, on average
_APART = 0.2  # seconds, at least
_QUIET = 3.0  # seconds at the start

REPLIES_LOST = "replies of the store to a worker lost"
FROZEN_BRIEFLY = "worker process frozen briefly"
AT_A_BURST = "with each burst: store slow for a moment"
_INTO_A_BURST = 0.39  # seconds, just before the vendor answers


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault. ``lasting``: least and most seconds, before the part is started or the way is open again."""

    name: str
    weight: int
    lasting: tuple[float, float]

    @property
    def of_store(self) -> bool:
        """Whether it keeps workers from the store, which may delay recording a vendor's answer."""
        return self.name.startswith(("Valkey", "store")) or self.name == REPLIES_LOST


KINDS = (
    Kind("worker process killed -9", 110, (0.0, 0.0)),
    Kind("worker's parent killed -9", 30, (0.0, 5.0)),
    Kind("worker stopped by SIGTERM", 12, (0.0, 3.0)),
    Kind("worker process frozen", 10, (1.0, 18.0)),
    Kind(FROZEN_BRIEFLY, 10, (1.5, 4.5)),
    Kind("receiver killed -9", 28, (0.0, 5.0)),
    Kind("Valkey killed -9", 9, (0.0, 5.0)),
    Kind("Valkey stopped by SIGTERM", 2, (0.5, 5.0)),
    Kind("Valkey frozen", 4, (0.5, 7.0)),
    Kind("Valkey answers BUSY", 6, (2.0, 8.0)),
    Kind("Valkey answers NOREPLICAS", 5, (1.0, 8.0)),
    Kind("Valkey answers MASTERDOWN", 3, (1.0, 6.0)),
    Kind("Valkey answers NOAUTH", 3, (1.0, 6.0)),
    Kind("Valkey takes no more clients", 3, (1.0, 6.0)),
    Kind("store: connections cut", 12, (0.0, 0.0)),
    Kind("broker: connections cut", 12, (0.0, 0.0)),
    Kind("callbacks: connections cut", 10, (0.0, 0.0)),
    Kind("store unreachable, refused", 3, (1.0, 8.0)),
    Kind("store unreachable, silent", 3, (1.0, 8.0)),
    Kind(REPLIES_LOST, 8, (5.0, 11.0)),
    Kind("broker unreachable, refused", 3, (1.0, 8.0)),
    Kind("broker unreachable, silent", 3, (1.0, 8.0)),
    Kind("vendor slow", 5, (1.0, 4.0)),
    Kind("RabbitMQ killed -9", 9, (0.0, 5.0)),
    Kind("RabbitMQ stopped by SIGTERM", 2, (0.5, 5.0)),
    Kind("RabbitMQ frozen", 4, (0.5, 7.0)),
    Kind("RabbitMQ's leader killed -9", 9, (0.0, 8.0)),
    Kind("RabbitMQ's leader frozen", 6, (1.0, 20.0)),
    Kind("a node of RabbitMQ killed -9", 4, (0.0, 8.0)),
    Kind("a node of RabbitMQ stopped by SIGTERM", 4, (0.5, 8.0)),
    Kind("webhook receiver killed -9", 10, (0.0, 10.0)),
    Kind("webhook receiver frozen", 7, (1.0, 20.0)),
    Kind("Celery sink killed -9", 7, (0.0, 10.0)),
    Kind("Celery sink frozen", 5, (1.0, 20.0)),
    Kind(AT_A_BURST, 0, (0.15, 0.25)),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the schedule; ``pick`` (0 up to 1) chooses among equal parts."""

    at: float
    kind: Kind
    lasting: float
    pick: float


def kinds_of(only: str, *, apart: bool, nodes: int) -> list[Kind]:
    """The kinds whose name begins with ``only``; those of a broker of its own (``apart``) or of ``nodes`` of RabbitMQ where there
    are such.
    """
    there = {"broker": apart, "RabbitMQ ": nodes == 1, "RabbitMQ's": nodes > 1, "a node of RabbitMQ": nodes > 1}
    absent = tuple(name for name, is_there in there.items() if not is_there)
    return [kind for kind in KINDS if kind.name.startswith(only) and not kind.name.startswith(absent)]


def schedule(seed: int, seconds: float, kinds: Sequence[Kind], every: float, quiet: Sequence[Calm]) -> list[Fault]:
    """Every fault of a run, in order; what would strike in a calm is left out, but for what belongs to its bursts.

    ``every``: seconds between two, on average.
    """
    random = Random(f"{seed} faults")
    weights = [kind.weight for kind in kinds]
    faults, at = [], _QUIET
    while at < seconds and any(weights):
        kind = random.choices(kinds, weights)[0]
        faults.append(Fault(at, kind, random.uniform(*kind.lasting), random.random()))
        at += random.uniform(_APART, 2 * every - _APART)
    kept = [fault for fault in faults if not is_calm(fault.at, quiet)]
    return sorted([*kept, *_at_bursts(random, quiet)], key=lambda fault: fault.at)


def _at_bursts(random: Random, quiet: Sequence[Calm]) -> Iterator[Fault]:
    [kind] = [kind for kind in KINDS if kind.name == AT_A_BURST]
    for calm in quiet:
        for at in calm.bursts():
            yield Fault(at + _INTO_A_BURST, kind, random.uniform(*kind.lasting), random.random())

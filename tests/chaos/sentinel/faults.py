"""The faults of this topology: what breaks, how often and for how long. Pure; derived from a seed.

Those of ``SERVERS`` come one after the other: the next one waits until every server and sentinel is back in its place, because
what is promised is promised for the loss of any one machine. All others come at their own times, whatever else is broken.
"""

from collections.abc import Iterator, Sequence
from random import Random

from tests.chaos.faults.calm import Calm, is_calm, loud
from tests.chaos.faults.faults import Fault, Kind

FROZEN_FOR_A_FAILOVER = "primary frozen for about as long as a failover takes"
CUT_FOR_A_FAILOVER = "primary's machine cut off for about as long as a failover takes"
CUT_WITH_APP = "primary's machine and an app's host cut off together"
SERVERS = (
    Kind("primary killed -9", 10, (0.0, 12.0)),
    Kind("primary frozen", 6, (1.0, 16.0)),
    Kind(FROZEN_FOR_A_FAILOVER, 6, (2.8, 6.0)),
    Kind("primary's machine cut off", 6, (1.0, 20.0)),
    Kind(CUT_FOR_A_FAILOVER, 6, (2.8, 6.0)),
    Kind(CUT_WITH_APP, 4, (4.0, 16.0)),
    Kind("primary's machine burns", 8, (0.0, 12.0)),
    Kind("replicas fall behind, and the primary's machine burns", 8, (0.1, 1.0)),
    Kind("replicas fall behind", 5, (0.3, 5.0)),
    Kind("replica killed -9", 5, (0.0, 8.0)),
    Kind("replica frozen", 5, (1.0, 12.0)),
    Kind("replica's machine cut off", 5, (1.0, 16.0)),
    Kind("replica's machine burns", 5, (0.0, 10.0)),
    Kind("sentinel killed -9", 3, (0.0, 6.0)),
    Kind("sentinel frozen", 3, (1.0, 10.0)),
)
OTHERS = (
    Kind("worker process killed -9", 40, (0.0, 0.0)),
    Kind("worker's parent killed -9", 12, (0.0, 5.0)),
    Kind("worker process frozen", 8, (1.0, 18.0)),
    Kind("receiver killed -9", 15, (0.0, 5.0)),
    Kind("receiver frozen", 6, (1.0, 12.0)),
    Kind("app killed -9", 12, (0.0, 4.0)),
    Kind("app frozen", 6, (1.0, 12.0)),
    Kind("app's host cut off", 6, (1.0, 12.0)),
    Kind("vendor slow", 4, (1.0, 4.0)),
    Kind("webhook receiver killed -9", 6, (0.0, 10.0)),
    Kind("Celery sink killed -9", 5, (0.0, 10.0)),
)
_LAST = 25.0  # seconds before a calm in which no server is broken any more
_FIRST = 3.0
_PAUSE = (0.5, 4.0)  # seconds in which all servers are well


def named(kinds: Sequence[Kind], only: str) -> list[Kind]:
    """The kinds whose name begins with ``only``."""
    return [kind for kind in kinds if kind.name.startswith(only)]


def of_others(seed: int, seconds: float, only: str, every: float, quiet: Sequence[Calm]) -> list[Fault]:
    """Faults at fixed times, on average ``every`` seconds; none in a calm."""
    random, kinds = Random(f"{seed} others"), named(OTHERS, only)
    faults, at = [], _FIRST
    while at < seconds and kinds:
        faults.append(_fault(random, kinds, at))
        at += random.uniform(0.2, 2 * every - 0.2)
    return [fault for fault in faults if not is_calm(fault.at, quiet)]


def of_servers(seed: int, only: str) -> Iterator[tuple[Fault, float]]:
    """Faults without end, and how many seconds all servers are well before each."""
    random, kinds = Random(f"{seed} servers"), named(SERVERS, only)
    while kinds:
        yield _fault(random, kinds, 0.0), random.uniform(*_PAUSE)


def next_chance(elapsed: float, quiet: Sequence[Calm]) -> float | None:
    """When a server may be broken next, in seconds from the start: now, or after the next calm; None: never again."""
    for since, until in loud(quiet):
        if elapsed < until - _LAST:
            return max(elapsed, since + _FIRST)
    return None


def _fault(random: Random, kinds: Sequence[Kind], at: float) -> Fault:
    kind = random.choices(kinds, [kind.weight for kind in kinds])[0]
    return Fault(at, kind, random.uniform(*kind.lasting), random.random())

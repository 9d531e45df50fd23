"""How a sink treats what it is told: picked by weight from the seed, the outcome's id and how often it was told. Pure."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Reaction:
    """``processes``: the app acts on the outcome before it answers."""

    name: str
    weight: int
    processes: bool = False
    status: int = 0  # 0: no answer at all
    header: str = ""
    delay: float = 0.0  # seconds before the answer
    trickle: float = 0.0  # seconds over which the body of the answer comes


WEBHOOK = (
    Reaction("200", 100, processes=True, status=200),
    Reaction("204", 20, processes=True, status=204),
    Reaction("200 after 2 s", 6, processes=True, status=200, delay=2.0),
    Reaction("200, body over 3 s", 6, processes=True, status=200, trickle=3.0),
    Reaction("200, body longer than anybody waits", 1, processes=True, status=200, trickle=40.0),
    Reaction("processed, then reset", 6, processes=True),
    Reaction("processed, then 500", 6, processes=True, status=500),
    Reaction("reset", 8),
    Reaction("500", 12, status=500),
    Reaction("503", 3, status=503),
    Reaction("429", 3, status=429),
    Reaction("429, retry after 1 s", 1, status=429, header="Retry-After: 1"),  # each stops the whole sink
    Reaction("404", 3, status=404),
    Reaction("302 to another path", 4, status=302, header="Location: /moved"),
    Reaction("307 to another path", 3, status=307, header="Location: /moved"),
    Reaction("hangs", 1, delay=40.0),
    Reaction("no HTTP", 3, status=-1),
)
CELERY = (
    Reaction("taken", 80, processes=True),
    Reaction("processed, then failed", 6, processes=True, status=500),
    Reaction("failed", 10, status=500),
    Reaction("taken after 1 s", 4, processes=True, delay=1.0),
)


def react(reactions: tuple[Reaction, ...], seed: int, event_id: str, time: int) -> Reaction:
    """What happens the n-th time that a sink is told of an outcome in one of its lives."""
    random = Random(f"{seed} {event_id} {time}")
    return random.choices(reactions, [one.weight for one in reactions])[0]

"""What something costs the store, counted by the store itself."""

from collections import Counter
from collections.abc import Callable

from redis import Redis


def spent(redis: Redis, act: Callable[[], object]) -> Counter[str]:
    """How often ``act`` has each command run, those inside scripts among them."""
    before = _calls(redis)
    act()
    cost = _calls(redis) - before
    del cost["info"]  # our own
    return cost


def reads(redis: Redis, act: Callable[[], object]) -> int:
    """How often the server reads from its clients while ``act`` runs: a round trip is one, or two when it is long."""
    before = redis.info("stats")["total_reads_processed"]
    act()
    return int(redis.info("stats")["total_reads_processed"]) - int(before) - 1


def _calls(redis: Redis) -> Counter[str]:
    return Counter({name.removeprefix("cmdstat_"): row["calls"] for name, row in redis.info("commandstats").items()})

"""Checks the store's replicas: whether as many follow as must have a write, and whether what they acknowledge survives.

Takes the store's address and a client, returns findings. Only reads. A replica that this host does not reach, or whose CONFIG is
refused, becomes a note. Raises what the client raises.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from smsrelay.servers.redis_errors import why_unavailable
from smsrelay.servers.store_address import StoreAddress
from smsrelay_worker.operations.doctor.finding import Finding, error, note, warning

CHECK = "replicas"
_SILENT = 5  # seconds; a replica acknowledges once a second
_TIMEOUT = 2.0  # seconds, for a replica
_HERE = {"host", "port", "path", "primary"}  # of the connection's options: what leads to the primary


@dataclass(frozen=True, slots=True)
class Replica:
    """One that is connected, as the primary sees it. What only itself can tell is None if it does not."""

    place: str
    online: bool = True
    silent: int = 0  # seconds since it last acknowledged
    syncs: str | None = None  # appendfsync, or "no log"
    promotable: bool | None = None  # whether its priority lets sentinels make it the primary

    @property
    def follows(self) -> bool:
        """Whether it acknowledges what it is sent."""
        return self.online and self.silent <= _SILENT


def examine_topology(store: StoreAddress, redis: Redis) -> list[Finding]:
    """Findings about the store's replicas."""
    try:
        info: Any = redis.info("replication")
    except ResponseError:
        problem = "could not be checked, because INFO is refused: how many replicas follow the store"
        return [warning(CHECK, problem, "permit INFO")] if store.replicas else []
    if info.get("role") != "master":
        return []  # a finding of another check
    replicas = [_asked(redis, *one) for one in _connected(info)]
    return [*_waiting(store, redis), *topology(store.replicas, replicas)]


def topology(wanted: int, replicas: Sequence[Replica]) -> list[Finding]:
    """Findings about replicas of which ``wanted`` must have a write."""
    following = [one for one in replicas if one.follows]
    return [*_count(wanted, len(following)), *_behind(replicas), *(found for one in following for found in _safety(wanted, one))]


def _count(wanted: int, following: int) -> list[Finding]:
    if wanted == 0:
        if following == 0:
            return []
        problem = (
            f"{following} replicas follow the store, and nobody waits for them: a failover may forget what was accepted, begun "
            "or answered with 200 just before, and then messages are lost or submitted twice"
        )
        return [warning(CHECK, problem, "set SMSRELAY_STORE_REPLICAS to 1, in every process (docs/guarantees.md)")]
    if following < wanted:
        problem = (
            f"{following} replicas follow the store, and SMSRELAY_STORE_REPLICAS is {wanted}: nothing is accepted or submitted"
        )
        return [error(CHECK, problem, "start the replicas that are missing")]
    if following == wanted:
        problem = f"{following} replicas follow the store, and as many must have a write: without one of them nothing is accepted"
        return [warning(CHECK, problem, "have one replica more than SMSRELAY_STORE_REPLICAS")]
    problem = (
        f"{following} replicas follow the store, and a write waits for {wanted}: a primary that stalls, or is cut off, for about "
        "as long as a failover takes may still confirm what is then lost"
    )
    remedy = "see docs/guarantees.md, What is lost when; waiting for all of them excludes it, and stops while one is missing"
    return [note(CHECK, problem, remedy)]


def _behind(replicas: Iterable[Replica]) -> Iterator[Finding]:
    for one in replicas:
        if not one.online:
            yield warning(CHECK, f"replica {one.place} is still being loaded with the store's data", "wait until it is online")
        elif not one.follows:
            problem = f"replica {one.place} has acknowledged nothing for {one.silent} s"
            yield warning(CHECK, problem, "look at its host, its disk and the network between")


def _safety(wanted: int, one: Replica) -> Iterator[Finding]:
    """Whether what a replica acknowledges survives; nobody relies on that while no write waits for one."""
    if wanted == 0:
        return
    if one.syncs is None:
        remedy = "make sure of appendonly yes and appendfsync always there, and of a replica-priority that is not 0"
        yield note(CHECK, f"replica {one.place} could not be asked whether it syncs what it acknowledges", remedy)
    elif one.syncs != "always":
        problem = f"replica {one.place} acknowledges what is not on its disk ({one.syncs})"
        yield warning(
            CHECK, f"{problem}: a power failure of both hosts loses it", "set appendonly yes and appendfsync always there"
        )
    if one.promotable is False:
        problem = f"replica {one.place} has priority 0 and never becomes the primary: what only it has acknowledged is lost"
        yield warning(CHECK, problem, "give it a replica-priority, or count it on top of SMSRELAY_STORE_REPLICAS")


def _waiting(store: StoreAddress, redis: Redis) -> list[Finding]:
    """Whether WAIT is to be had at all."""
    if store.replicas == 0:
        return []
    try:
        redis.execute_command("WAIT", 0, 1)  # type: ignore[no-untyped-call]
    except ResponseError as refused:
        problem = f"the store refuses WAIT ({why_unavailable(refused)}), and SMSRELAY_STORE_REPLICAS is {store.replicas}"
        return [error(CHECK, f"{problem}: nothing is accepted or submitted", "permit WAIT, or set SMSRELAY_STORE_REPLICAS to 0")]
    return []


def _connected(info: Any) -> Iterator[tuple[str, int, Replica]]:
    """Host and port of each replica, and how the primary sees it."""
    for number in range(int(info.get("connected_slaves", 0))):
        one = info.get(f"slave{number}")
        if one is not None:
            host, port = str(one["ip"]), int(one["port"])
            place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            yield host, port, Replica(place, one.get("state") == "online", int(one.get("lag", 0)))


def _asked(redis: Redis, host: str, port: int, seen: Replica) -> Replica:
    """The same with what the replica itself tells, to the login that the store knows us by."""
    options = {name: value for name, value in redis.connection_pool.connection_kwargs.items() if name not in _HERE}
    options |= {"host": host, "port": port, "retry": Retry(NoBackoff(), 0)}
    options |= {"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT}
    pool: Any = redis.connection_pool
    try:
        with Redis.from_pool(ConnectionPool(pool.connection_class, **options)) as replica:
            config: Any = replica.config_get("append*") | replica.config_get("*-priority")
    except (RedisError, OSError):
        return seen
    if not {"appendonly", "appendfsync"} <= set(config):  # a service that hides them
        return seen
    syncs = config["appendfsync"] if config["appendonly"] == "yes" else "no log"
    priority = config.get("replica-priority", config.get("slave-priority", "100"))
    return Replica(seen.place, seen.online, seen.silent, syncs, priority != "0")

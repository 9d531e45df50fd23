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
from smsrelay_worker.operations.doctor.kind import Kind

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
        return [warning(CHECK, Kind.REPLICAS_UNCHECKED)] if store.replicas else []
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
        return [warning(CHECK, Kind.REPLICAS_NOT_AWAITED, following=following)] if following else []
    if following < wanted:
        return [error(CHECK, Kind.REPLICAS_MISSING, following=following, wanted=wanted)]
    if following == wanted:
        return [warning(CHECK, Kind.REPLICAS_NONE_SPARE, following=following)]
    return [note(CHECK, Kind.REPLICAS_PARTLY_AWAITED, following=following, wanted=wanted)]


def _behind(replicas: Iterable[Replica]) -> Iterator[Finding]:
    for one in replicas:
        if not one.online:
            yield warning(CHECK, Kind.REPLICA_LOADING, place=one.place)
        elif not one.follows:
            yield warning(CHECK, Kind.REPLICA_SILENT, place=one.place, seconds=one.silent)


def _safety(wanted: int, one: Replica) -> Iterator[Finding]:
    """Whether what a replica acknowledges survives; nobody relies on that while no write waits for one."""
    if wanted == 0:
        return
    if one.syncs is None:
        yield note(CHECK, Kind.REPLICA_UNASKED, place=one.place)
    elif one.syncs != "always":
        yield warning(CHECK, Kind.REPLICA_UNSYNCED, place=one.place, syncs=one.syncs)
    if one.promotable is False:
        yield warning(CHECK, Kind.REPLICA_NEVER_PROMOTED, place=one.place)


def _waiting(store: StoreAddress, redis: Redis) -> list[Finding]:
    """Whether WAIT is to be had at all."""
    if store.replicas == 0:
        return []
    try:
        redis.execute_command("WAIT", 0, 1)  # type: ignore[no-untyped-call]
    except ResponseError as refused:
        return [error(CHECK, Kind.WAIT_REFUSED, reason=why_unavailable(refused), wanted=store.replicas)]
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

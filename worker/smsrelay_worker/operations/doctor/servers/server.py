"""Checks a Redis, store or broker: how it persists what it was given, whether it evicts, and whether it accepts writes.

Takes a client, returns findings. Only reads. Raises what the client raises.
"""

from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.doctor.servers.writes import examine_writes


@dataclass(frozen=True, slots=True)
class Persistence:
    """How a server keeps its data; a field is None if the server does not tell."""

    policy: str | None = None  # maxmemory-policy
    maxmemory: int | None = None  # bytes; 0: no limit
    appendonly: bool | None = None
    appendfsync: str | None = None


def examine_server(server: str, redis: Redis) -> list[Finding]:
    """Findings about a Redis; ``server`` is what to call it: store, broker, or store and broker."""
    return [*persistence(server, read_persistence(redis)), *examine_writes(server, redis)]


def read_persistence(redis: Redis) -> Persistence:
    """Asks CONFIG. If that is refused, as managed servers do, asks INFO, which tells everything but appendfsync."""
    try:
        config: Any = redis.config_get("maxmemory*") | redis.config_get("append*")
    except ResponseError:
        return _from_info(redis)
    return Persistence(config["maxmemory-policy"], int(config["maxmemory"]), config["appendonly"] == "yes", config["appendfsync"])


def persistence(server: str, kept: Persistence) -> list[Finding]:
    """Findings about how the server keeps its data."""
    return [*_eviction(server, kept), *_append_only_file(server, kept), *_unchecked(server, kept)]


def _from_info(redis: Redis) -> Persistence:
    try:
        info = redis.info("memory") | redis.info("persistence")
    except ResponseError:
        return Persistence()
    return Persistence(info.get("maxmemory_policy"), info.get("maxmemory"), _flag(info.get("aof_enabled")))


def _flag(value: int | None) -> bool | None:
    return None if value is None else value == 1


def _eviction(server: str, kept: Persistence) -> list[Finding]:
    if kept.policy in {None, "noeviction"}:
        return []
    if kept.maxmemory == 0:
        return [warning(server, Kind.WOULD_EVICT, policy=kept.policy)]
    return [error(server, Kind.EVICTS, policy=kept.policy)]


def _append_only_file(server: str, kept: Persistence) -> list[Finding]:
    """Findings about appendonly and appendfsync; the numbers of kills are measured (docs/operating.md)."""
    if kept.appendonly is False:
        return [error(server, Kind.APPENDONLY_OFF)]
    if kept.appendfsync == "no":
        return [error(server, Kind.APPENDFSYNC_OFF)]
    if kept.appendfsync == "everysec":
        return [warning(server, Kind.APPENDFSYNC_EVERYSEC)]
    return []


def _unchecked(server: str, kept: Persistence) -> list[Finding]:
    values = {"maxmemory-policy": kept.policy, "appendonly": kept.appendonly, "appendfsync": kept.appendfsync}
    names = [name for name, value in values.items() if value is None]
    return [warning(server, Kind.CONFIG_REFUSED, names=", ".join(names))] if names else []

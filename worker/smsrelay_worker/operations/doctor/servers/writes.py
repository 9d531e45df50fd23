"""Checks whether a Redis accepts writes in its current state: its role, its disk, its memory.

Takes a client, returns findings. Only reads. If the server refuses INFO, that is a warning; raises what else the client raises.
"""

from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind

_NEARLY = 0.9  # of maxmemory


@dataclass(frozen=True, slots=True)
class Writes:
    """What decides whether a server accepts writes."""

    replica: bool = False
    log_failed: bool = False  # aof_last_write_status
    snapshot_failed: bool = False  # rdb_last_bgsave_status
    snapshot_stops: bool | None = None  # whether a failed snapshot stops writes; None: it does not tell
    used: int = 0  # bytes
    maxmemory: int = 0  # bytes; 0: no limit


def examine_writes(server: str, redis: Redis) -> list[Finding]:
    """Findings about what keeps a server from accepting writes, or soon may."""
    try:
        info: Any = redis.info("replication") | redis.info("persistence") | redis.info("memory")
    except ResponseError:
        return [warning(server, Kind.INFO_REFUSED)]
    return writes(
        server,
        Writes(
            replica=info.get("role") == "slave",
            log_failed=info.get("aof_last_write_status", "ok") != "ok",
            snapshot_failed=info.get("rdb_last_bgsave_status", "ok") != "ok",
            snapshot_stops=_snapshot_stops(redis),
            used=int(info.get("used_memory", 0)),
            maxmemory=int(info.get("maxmemory", 0)),
        ),
    )


def writes(server: str, state: Writes) -> list[Finding]:
    """Findings about whether the server accepts writes."""
    return [*_role(server, state), *_disk(server, state), *_memory(server, state)]


def _role(server: str, state: Writes) -> list[Finding]:
    return [error(server, Kind.IS_REPLICA)] if state.replica else []


def _disk(server: str, state: Writes) -> list[Finding]:
    found = []
    if state.log_failed:
        found.append(error(server, Kind.LOG_FAILED))
    if state.snapshot_failed and state.snapshot_stops is False:
        found.append(warning(server, Kind.SNAPSHOT_FAILED))
    elif state.snapshot_failed:
        found.append(error(server, Kind.SNAPSHOT_STOPS_WRITES))
    return found


def _memory(server: str, state: Writes) -> list[Finding]:
    if state.maxmemory == 0 or state.used < _NEARLY * state.maxmemory:
        return []
    share = state.used / state.maxmemory
    if state.used >= state.maxmemory:
        return [error(server, Kind.MEMORY_FULL, share=share)]
    return [warning(server, Kind.MEMORY_NEARLY_FULL, share=share)]


def _snapshot_stops(redis: Redis) -> bool | None:
    try:
        config: Any = redis.config_get("save") | redis.config_get("stop-writes-on-bgsave-error")
    except ResponseError:
        return None
    return bool(config.get("save")) and config.get("stop-writes-on-bgsave-error") == "yes"

"""The doctor's look at whether a server takes writes as it stands: its role, its disk, its memory.

Enters: a client of the server. Leaves: findings. Only reads. What the server refuses to tell becomes a warning; otherwise it
fails as the client does.
"""

from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from smsrelay_worker.operations.doctor.finding import Finding, error, warning

_NEARLY = 0.9  # of maxmemory


@dataclass(frozen=True, slots=True)
class Writes:
    """What decides whether a server takes writes."""

    replica: bool = False
    log_failed: bool = False  # aof_last_write_status
    snapshot_failed: bool = False  # rdb_last_bgsave_status
    snapshot_stops: bool | None = None  # whether a failed one stops writes; None: it does not tell
    used: int = 0  # bytes
    maxmemory: int = 0  # bytes; 0: no limit


def examine_writes(server: str, redis: Redis) -> list[Finding]:
    """What keeps a server from taking writes, or soon may."""
    try:
        said: Any = redis.info("replication") | redis.info("persistence") | redis.info("memory")
    except ResponseError:
        problem = "could not be checked, because INFO is refused: whether it takes writes (role, disk, memory)"
        return [warning(server, problem, "permit INFO")]
    return writes(
        server,
        Writes(
            replica=said.get("role") == "slave",
            log_failed=said.get("aof_last_write_status", "ok") != "ok",
            snapshot_failed=said.get("rdb_last_bgsave_status", "ok") != "ok",
            snapshot_stops=_snapshot_stops(redis),
            used=int(said.get("used_memory", 0)),
            maxmemory=int(said.get("maxmemory", 0)),
        ),
    )


def writes(server: str, kept: Writes) -> list[Finding]:
    """What is wrong with how ``server``, the store or the broker, takes writes."""
    return [*_role(server, kept), *_disk(server, kept), *_memory(server, kept)]


def _role(server: str, kept: Writes) -> list[Finding]:
    if not kept.replica:
        return []
    return [error(server, "it is a replica: it refuses writes, or forgets them", "name the primary in the URL")]


def _disk(server: str, kept: Writes) -> list[Finding]:
    found = []
    if kept.log_failed:
        problem = "its last write to the log failed (aof_last_write_status): until one succeeds it refuses writes"
        found.append(error(server, problem, "look at its disk and at its log"))
    if kept.snapshot_failed:
        kind = warning if kept.snapshot_stops is False else error
        refuses = "" if kept.snapshot_stops is False else ": until one succeeds it refuses writes"
        remedy = 'look at its disk and at its log; the log of writes suffices us (save "")'
        found.append(kind(server, f"its last snapshot failed (rdb_last_bgsave_status){refuses}", remedy))
    return found


def _memory(server: str, kept: Writes) -> list[Finding]:
    if kept.maxmemory == 0 or kept.used < _NEARLY * kept.maxmemory:
        return []
    told = f"{kept.used / kept.maxmemory:.0%} of maxmemory are used"
    if kept.used >= kept.maxmemory:
        return [error(server, f"{told}: it refuses writes, or evicts", "raise maxmemory, or look at what fills it")]
    return [warning(server, f"{told}: at 100 % it refuses writes", "raise maxmemory, or look at what fills it")]


def _snapshot_stops(redis: Redis) -> bool | None:
    try:
        said: Any = redis.config_get("save") | redis.config_get("stop-writes-on-bgsave-error")
    except ResponseError:
        return None
    return bool(said.get("save")) and said.get("stop-writes-on-bgsave-error") == "yes"

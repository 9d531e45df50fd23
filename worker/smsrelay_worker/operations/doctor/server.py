"""The doctor's look at the servers: how store and broker persist, the store's clock, and what lies in the store for a person.

Enters: a client of the server. Leaves: findings. Only reads. A command that the server refuses to this user becomes a warning
that its check could not be made. Fails with ``StoreUnavailable``, or as the client does when it is of another broker.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from smsrelay.store import keys
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.doctor.callback import stored_callbacks
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.writes import examine_writes
from smsrelay_worker.rate_limit.halt import Halt
from smsrelay_worker.rate_limit.limiter import RateLimiter

_DOUBT, _REFUSAL = 1000, 30_000  # ms between two clocks
_OVERDUE = 30_000  # ms; every worker turns the agenda each second
_RECENT = 500  # events to look for templates in
_SCANNED = 1_000_000  # keys looked through at most: parked reports are listed nowhere
_SCAN_STEP = 2000


@dataclass(frozen=True, slots=True)
class Persistence:
    """How a server keeps what it was given; None where it does not tell."""

    policy: str | None = None  # maxmemory-policy
    maxmemory: int | None = None  # bytes; 0: no limit
    appendonly: bool | None = None
    appendfsync: str | None = None


def read_persistence(redis: Redis) -> Persistence:
    """What CONFIG says; where it is refused, as managed servers do, what INFO says, which is all but appendfsync."""
    try:
        said: Any = redis.config_get("maxmemory*") | redis.config_get("append*")
    except ResponseError:
        return _informed(redis)
    return Persistence(said["maxmemory-policy"], int(said["maxmemory"]), said["appendonly"] == "yes", said["appendfsync"])


def persistence(server: str, kept: Persistence) -> list[Finding]:
    """What is wrong with how ``server``, the store or the broker, keeps what it was given."""
    return [*_eviction(server, kept), *_log_of_writes(server, kept), *_unchecked(server, kept)]


def clocks(ahead: float) -> list[Finding]:
    """Of a store whose clock is ``ahead`` of this host's (ms; negative: behind)."""
    apart = f"this host's clock and the store's are {abs(ahead) / 1000:.1f} s apart"
    remedy = "synchronise both hosts (NTP): deadlines are told by the store's clock, signatures by the worker's"
    if abs(ahead) > _REFUSAL:
        return [error("clock", f"{apart}: messages expire at the wrong time, and the gateway may refuse signatures", remedy)]
    return [warning("clock", apart, remedy)] if abs(ahead) > _DOUBT else []


def halted(halt: Halt | None) -> list[Finding]:
    """Of a halt of every submit."""
    if halt is None:
        return []
    problem = f"nothing is submitted since {clock(halt.since)}: the vendor refused everything with code {halt.code}"
    return [error("halted", problem, "mend the cause, then `smsrelay resume`")]


def examine_server(server: str, redis: Redis) -> list[Finding]:
    """What is wrong with a server as store or as broker."""
    return [*persistence(server, read_persistence(redis)), *examine_writes(server, redis)]


def examine_messages(redis: Redis, now: int) -> list[Finding]:
    """What in the store needs a person, at ``now`` (ms) of the store's clock."""
    checks: dict[str, Callable[[], list[Finding]]] = {
        "halted": lambda: halted(RateLimiter(redis, 1.0).halted()),
        "agenda": lambda: _agenda(redis.zcount(keys.AGENDA, "-inf", now - _OVERDUE)),
        "undecodable": lambda: _undecodable(redis.llen(keys.UNDECODABLE)),
        "dead letters": lambda: _dead(redis.zcard(keys.DEAD)),
        "callbacks": lambda: stored_callbacks(redis, now),
        "parked reports": lambda: _parked(*count_parked(redis)),
    }
    return [finding for name, check in checks.items() for finding in _permitted(name, check)]


def recent_templates(redis: Redis) -> set[str]:
    """Ids of the templates of the messages that moved last; none where the store does not let us look."""
    try:
        events: list[Any] = redis.xrevrange(keys.EVENTS, count=_RECENT) or []
        ids = {fields["id"] for _, fields in events}
        with redis.pipeline(transaction=False) as pipeline:
            for message_id in ids:
                pipeline.hget(keys.message(message_id), "tpl")
            return {template for template in pipeline.execute() if template is not None}
    except ResponseError:
        return set()


def count_parked(redis: Redis) -> tuple[int, bool]:
    """For how many messages reports are parked, and whether that is all: a store with very many keys is not walked whole."""
    cursor, found = 0, 0
    for _ in range(_SCANNED // _SCAN_STEP):
        cursor, names = redis.scan(cursor, match=keys.parked("*"), count=_SCAN_STEP)
        found += len(names)
        if cursor == 0:
            return found, True
    return found, False


def _informed(redis: Redis) -> Persistence:
    try:
        said = redis.info("memory") | redis.info("persistence")
    except ResponseError:
        return Persistence()
    return Persistence(said.get("maxmemory_policy"), said.get("maxmemory"), _flag(said.get("aof_enabled")))


def _flag(value: int | None) -> bool | None:
    return None if value is None else value == 1


def _eviction(server: str, kept: Persistence) -> list[Finding]:
    if kept.policy in {None, "noeviction"}:
        return []
    remedy = "maxmemory-policy noeviction, and watch the memory"
    if kept.maxmemory == 0:
        return [warning(server, f"maxmemory-policy is {kept.policy}: once somebody sets maxmemory, records are evicted", remedy)]
    return [error(server, f"maxmemory-policy is {kept.policy}: an evicted record is a lost message", remedy)]


def _log_of_writes(server: str, kept: Persistence) -> list[Finding]:
    """Of appendonly and appendfsync; the count of kills is measured (docs/operating.md)."""
    remedy = "appendonly yes and appendfsync always"
    if kept.appendonly is False:
        return [error(server, "appendonly is no: a restart loses what was accepted and what was submitted", remedy)]
    if kept.appendfsync == "no":
        return [error(server, "appendfsync is no: a host that goes down loses answered writes, often of half a minute", remedy)]
    if kept.appendfsync == "everysec":
        problem = "appendfsync is everysec: a server killed -9 lost writes it had answered in 3 of 40 kills"
        return [warning(server, problem, "appendfsync always: 0 of 40")]
    return []


def _unchecked(server: str, kept: Persistence) -> list[Finding]:
    answers = {"maxmemory-policy": kept.policy, "appendonly": kept.appendonly, "appendfsync": kept.appendfsync}
    names = [name for name, answer in answers.items() if answer is None]
    if not names:
        return []
    problem = f"could not be checked, because CONFIG is refused: {', '.join(names)}"
    return [warning(server, problem, "see that they are noeviction, yes and always, or permit CONFIG GET")]


def _agenda(overdue: int) -> list[Finding]:
    if overdue == 0:
        return []
    problem = f"{overdue} messages are overdue by more than {_OVERDUE // 1000} s: no worker keeps the agenda, or none keeps up"
    return [error("agenda", problem, "start workers, or look in their logs for `agenda waits` and `agenda turn failed`")]


def _undecodable(kept: int) -> list[Finding]:
    problem = f"{kept} jobs or tasks that nobody could read are kept"
    return [warning("undecodable", problem, "`smsrelay dead list`, then `smsrelay dead show ID`")] if kept else []


def _dead(letters: int) -> list[Finding]:
    problem = f"{letters} messages failed or ended unknown"
    return [warning("dead letters", problem, "`smsrelay dead list`")] if letters else []


def _parked(messages: int, all_of_them: bool) -> list[Finding]:
    if messages == 0:
        return []
    problem = f"reports wait for {'' if all_of_them else 'at least '}{messages} messages or submits that are not recorded"
    remedy = (
        "early ones match by themselves; else look for `report parked` in the workers' logs: another installation's, or too late"
    )
    return [warning("parked reports", problem, remedy)]


def _permitted(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except ResponseError:
        return [warning(name, "could not be checked: the store refuses the command", "permit it to the store's user")]

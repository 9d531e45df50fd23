"""Checks the store: whether it answers, how it persists, its clock, and what in it needs somebody's attention.

Takes the settings, returns findings. Only reads. A command that the store refuses to our user becomes a warning that this check
could not be made.
"""

from collections.abc import Callable, Iterable
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from smsrelay.settings import StoreSettings
from smsrelay.store import keys
from smsrelay.store.connection import StoreUnavailable, open_store, store_answers
from smsrelay.store.traffic.halts import HaltedPart, Halts
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.doctor.broker import same_server
from smsrelay_worker.operations.doctor.callback import stored_callbacks
from smsrelay_worker.operations.doctor.finding import Finding, checked, error, warning
from smsrelay_worker.operations.doctor.pumping import examine_codes, examine_fuses
from smsrelay_worker.operations.doctor.server import examine_server
from smsrelay_worker.operations.halted_parts import halted_text, resuming_command, stopped
from smsrelay_worker.rate_limit.halt import Halt
from smsrelay_worker.rate_limit.limiter import RateLimiter

_DOUBT, _REFUSAL = 1000, 30_000  # ms between two clocks
_OVERDUE = 30_000  # ms; every worker looks for due messages each second
_RECENT = 500  # events to look for templates in
_SCANNED = 1_000_000  # keys to look through at most, because there is no list of parked reports
_SCAN_STEP = 2000


def examine_store(settings: StoreSettings, wall_clock: Callable[[], float]) -> tuple[set[str], list[Finding]]:
    """Ids of the templates used recently, and the findings. ``wall_clock`` gives this host's time in epoch seconds."""
    recent: set[str] = set()
    return recent, checked("store", lambda: _at_store(settings, wall_clock, recent))


def clocks(ahead: float) -> list[Finding]:
    """A store whose clock is ``ahead`` ms ahead of this host's (negative: behind)."""
    apart = f"this host's clock and the store's are {abs(ahead) / 1000:.1f} s apart"
    remedy = "synchronise both hosts (NTP): deadlines go by the store's clock, signatures by the worker's"
    if abs(ahead) > _REFUSAL:
        return [error("clock", f"{apart}: messages expire at the wrong time, and the gateway may reject signatures", remedy)]
    return [warning("clock", apart, remedy)] if abs(ahead) > _DOUBT else []


def halted(halt: Halt | None) -> list[Finding]:
    """A halt of all submits."""
    if halt is None:
        return []
    if halt.by_operator:
        problem = f"nothing has been submitted since {clock(halt.since)}: halted by an operator"
        return [error("halted", problem, "`smsrelay resume` resumes")]
    problem = f"nothing has been submitted since {clock(halt.since)}: the vendor refused everything with code {halt.code}"
    return [error("halted", problem, "fix the cause, then run `smsrelay resume`")]


def halted_parts(parts: list[HaltedPart]) -> list[Finding]:
    """Parts of the traffic, and campaigns, that wait for somebody to resume them; fuses have a check of their own."""
    return [warning("halted", halted_text(one), f"`{resuming_command(one.part)}` resumes it") for one in stopped(parts)]


def examine_messages(redis: Redis, now: int) -> list[Finding]:
    """What in the store needs attention; ``now`` is the store's clock in ms."""
    checks: dict[str, Callable[[], list[Finding]]] = {
        "halted": lambda: halted(RateLimiter(redis, 1.0).halted()),
        "fuse": lambda: examine_fuses(redis),
        "codes": lambda: examine_codes(redis),
        "halted parts": lambda: halted_parts(Halts(redis).all()),
        "schedule": lambda: _schedule(redis.zcount(keys.AGENDA, "-inf", now - _OVERDUE)),
        "undecodable": lambda: _undecodable(redis.llen(keys.UNDECODABLE)),
        "dead letters": lambda: _dead(redis.zcard(keys.DEAD)),
        "callbacks": lambda: stored_callbacks(redis, now),
        "parked reports": lambda: _parked(*count_parked(redis)),
    }
    return [finding for name, check in checks.items() for finding in _permitted(name, check)]


def recent_templates(redis: Redis) -> set[str]:
    """Template ids of the messages that changed most recently; empty where the store does not permit the look."""
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
    """For how many messages reports are parked, and whether that is all: a very large store is not scanned to the end."""
    cursor, found = 0, 0
    for _ in range(_SCANNED // _SCAN_STEP):
        cursor, names = redis.scan(cursor, match=keys.parked("*"), count=_SCAN_STEP)
        found += len(names)
        if cursor == 0:
            return found, True
    return found, False


def _at_store(settings: StoreSettings, wall_clock: Callable[[], float], recent: set[str]) -> list[Finding]:
    name = "store and broker" if same_server(settings) else "store"
    redis = open_store(settings.store_url, 2)
    try:
        with store_answers():
            ahead, now = _clock_ahead(redis, wall_clock)
            found = [*examine_server(name, redis), *clocks(ahead), *examine_messages(redis, now)]
            recent |= recent_templates(redis)
            return found
    except StoreUnavailable as problem:
        return [error("store", str(problem), "start it, or correct SMSRELAY_STORE_URL; nothing is accepted without it")]
    finally:
        redis.close()


def _clock_ahead(redis: Redis, wall_clock: Callable[[], float]) -> tuple[float, int]:
    """By how many ms at least the store's clock is ahead of this host's, and the store's time in ms."""
    asked = wall_clock() * 1000
    seconds, micros = redis.time()
    answered = wall_clock() * 1000
    time = int(seconds) * 1000 + int(micros) / 1000
    if asked <= time <= answered:
        return 0.0, int(time)
    return (time - answered if time > answered else time - asked), int(time)


def _schedule(overdue: int) -> list[Finding]:
    if overdue == 0:
        return []
    late = _OVERDUE // 1000
    problem = f"{overdue} messages are overdue by more than {late} s: no worker handles due messages, or none keeps up"
    remedy = "start workers, or look in their logs for `scheduler turn postponed` and `scheduler turn failed`"
    return [error("schedule", problem, remedy)]


def _undecodable(kept: int) -> list[Finding]:
    problem = f"{kept} unreadable jobs or tasks are kept"
    return [warning("undecodable", problem, "`smsrelay dead list`, then `smsrelay dead show ID`")] if kept else []


def _dead(letters: int) -> list[Finding]:
    problem = f"{letters} messages failed or ended unknown"
    return [warning("dead letters", problem, "`smsrelay dead list`")] if letters else []


def _parked(messages: int, complete: bool) -> list[Finding]:
    if messages == 0:
        return []
    count = f"{'' if complete else 'at least '}{messages}"
    problem = f"status reports are parked for {count} messages or submits that are not recorded here"
    remedy = (
        "early reports are applied by themselves; if these stay, look for `report parked` in the workers' logs: they are another "
        "installation's, or too late"
    )
    return [warning("parked reports", problem, remedy)]


def _permitted(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except ResponseError:
        return [warning(name, "could not be checked: the store refuses the command", "grant it to the store's user")]

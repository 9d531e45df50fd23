"""Checks the store: whether it answers, how it persists, its clock, and what in it needs somebody's attention.

Takes the settings, returns findings. Only reads. A command that the store refuses to our user becomes a warning that this check
could not be made.
"""

from collections.abc import Callable, Iterable
from typing import Any

from redis.exceptions import ResponseError

from smsrelay.settings import StoreSettings
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store, store_answers
from smsrelay.store.traffic.halts import Halts
from smsrelay.store.write_probe import why_unwritable
from smsrelay_worker.operations.doctor.finding import Finding, checked, error, note, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.doctor.old_names import examine_old_names
from smsrelay_worker.operations.doctor.servers.broker import same_server
from smsrelay_worker.operations.doctor.servers.sentinels import examine_sentinels
from smsrelay_worker.operations.doctor.servers.server import examine_server
from smsrelay_worker.operations.doctor.servers.topology import examine_topology
from smsrelay_worker.operations.doctor.traffic.callback import stored_callbacks
from smsrelay_worker.operations.doctor.traffic.kept import kept_findings
from smsrelay_worker.operations.doctor.traffic.pumping import examine_codes, examine_fuses
from smsrelay_worker.operations.doctor.traffic.stopped import circuit, halted, halted_parts, unwritable
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.store.kept_counts import KeptCounts

_DOUBT, _REFUSAL = 1000, 30_000  # ms between two clocks
_OVERDUE = 30_000  # ms; every worker looks for due messages each second
_RECENT = 500  # events to look for templates in
_SCANNED = 1_000_000  # keys to look through at most, because there is no list of parked reports
_SCAN_STEP = 2000


def examine_store(settings: StoreSettings, wall_clock: Callable[[], float], recent: set[str]) -> list[Finding]:
    """The findings. ``wall_clock`` gives this host's epoch seconds. Adds ids of templates used recently to ``recent``."""
    return checked("store", lambda: _at_store(settings, wall_clock, recent))


def clocks(ahead: float) -> list[Finding]:
    """A store whose clock is ``ahead`` ms ahead of this host's (negative: behind)."""
    seconds = abs(ahead) / 1000
    if abs(ahead) > _REFUSAL:
        return [error("clock", Kind.CLOCK_HERE_FAR, seconds=seconds)]
    return [warning("clock", Kind.CLOCK_HERE, seconds=seconds)] if abs(ahead) > _DOUBT else []


def examine_messages(redis: StoreRedis, now: int) -> list[Finding]:
    """What in the store needs attention; ``now`` is the store's clock in ms."""
    checks: dict[str, Callable[[], list[Finding]]] = {
        "old names": lambda: examine_old_names(redis),
        "store": lambda: unwritable(why_unwritable(redis)),
        "halted": lambda: _held_back(RateLimiter(redis, 1.0).state()),
        "fuse": lambda: examine_fuses(redis),
        "codes": lambda: examine_codes(redis),
        "halted parts": lambda: halted_parts(Halts(redis).all()),
        "schedule": lambda: _schedule(redis.zcount(redis.store_keys.agenda, "-inf", now - _OVERDUE)),
        "undecodable": lambda: list(kept_findings(KeptCounts(redis).read())),
        "dead letters": lambda: _dead(redis.zcard(redis.store_keys.dead)),
        "callbacks": lambda: stored_callbacks(redis, now),
        "parked reports": lambda: _parked(*count_parked(redis)),
    }
    return [finding for name, check in checks.items() for finding in _permitted(name, check)]


def recent_templates(redis: StoreRedis) -> set[str]:
    """Template ids of the messages that changed most recently; empty where the store does not permit the look."""
    try:
        events: list[Any] = redis.xrevrange(redis.store_keys.events, count=_RECENT) or []
        ids = {fields["id"] for _, fields in events}
        with redis.pipeline(transaction=False) as pipeline:
            for message_id in ids:
                pipeline.hget(redis.store_keys.message(message_id), "tpl")
            return {template for template in pipeline.execute() if template is not None}
    except ResponseError:
        return set()


def count_parked(redis: StoreRedis) -> tuple[int, bool]:
    """For how many messages reports are parked, and whether that is all: a very large store is not scanned to the end."""
    cursor, found = 0, 0
    for _ in range(_SCANNED // _SCAN_STEP):
        cursor, names = redis.scan(cursor, match=redis.store_keys.parked("*"), count=_SCAN_STEP)
        found += len(names)
        if cursor == 0:
            return found, True
    return found, False


def _at_store(settings: StoreSettings, wall_clock: Callable[[], float], recent: set[str]) -> list[Finding]:
    name = "store and broker" if same_server(settings) else "store"
    redis = open_store(settings.store, 2)
    try:
        with store_answers():
            ahead, now = _clock_ahead(redis, wall_clock)
            at_server = [*examine_server(name, redis), *examine_topology(settings.store, redis)]
            at_server += examine_sentinels(settings.store.redis)
            found = [*at_server, *clocks(ahead), *examine_messages(redis, now)]
            recent |= recent_templates(redis)
            return found
    except StoreUnavailable as problem:
        return [error("store", Kind.STORE_DOWN, reason=problem)]
    finally:
        redis.close()


def _clock_ahead(redis: StoreRedis, wall_clock: Callable[[], float]) -> tuple[float, int]:
    """By how many ms at least the store's clock is ahead of this host's, and the store's time in ms."""
    asked = wall_clock() * 1000
    seconds, micros = redis.time()
    answered = wall_clock() * 1000
    time = int(seconds) * 1000 + int(micros) / 1000
    if asked <= time <= answered:
        return 0.0, int(time)
    return (time - answered if time > answered else time - asked), int(time)


def _held_back(state: RateState) -> list[Finding]:
    return [*halted(state.halted), *circuit(state.circuit)]


def _schedule(overdue: int) -> list[Finding]:
    return [error("schedule", Kind.SCHEDULE_LATE, count=overdue, seconds=_OVERDUE // 1000)] if overdue else []


def _dead(letters: int) -> list[Finding]:
    return [note("dead letters", Kind.MESSAGES_FAILED, count=letters)] if letters else []


def _parked(messages: int, complete: bool) -> list[Finding]:
    count = f"{messages}{'' if complete else '+'}"
    return [warning("parked reports", Kind.REPORTS_PARKED, count=count)] if messages else []


def _permitted(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except ResponseError:
        return [warning(name, Kind.CHECK_REFUSED)]

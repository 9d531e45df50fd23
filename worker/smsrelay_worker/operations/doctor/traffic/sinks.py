"""Checks the sinks that outcomes go to: paused ones, outcomes that wait too long, and outboxes of sinks that no file names.

Takes the parts over the store, returns findings. Only reads. Raises what the store raises.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from smsrelay.messages.sinks import app_and_kind
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.apps.model import Apps
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.sinks import Condition, SinkOverview, sink_names, sink_overviews
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import SinkStates

_LATE = 600_000  # ms that an outcome may wait for a sink that takes others
_SCANNED = 1_000_000  # keys to look through at most
_SCAN_STEP = 2000


def examine_sinks(redis: StoreRedis, apps: Apps, outbox: OutcomeOutbox, now: int) -> list[Finding]:
    """All findings; ``now`` is the store's clock in ms."""
    overviews = sink_overviews(apps, outbox, SinkStates(redis))
    return [*sinks(overviews, now), *forgotten(sorted(_outboxes(redis) - set(sink_names(apps))))]


def sinks(overviews: Sequence[SinkOverview], now: int) -> list[Finding]:
    """Sinks that are paused or fail, and outcomes that wait although their sink takes others."""
    found = []
    for one in overviews:
        since = clock(one.since) if one.since is not None else ""
        app, _ = app_and_kind(one.sink)
        told: dict[str, object] = {"sink": one.sink, "app": app, "since": since, "count": one.waiting, "status": one.status}
        if one.condition is Condition.DISABLED:
            found.append(error("outcomes", Kind.SINK_DISABLED, **told))
        elif one.condition is Condition.PAUSED:
            found.append(error("outcomes", Kind.SINK_PAUSED, **told))
        elif one.condition is Condition.FAILING:
            found.append(warning("outcomes", Kind.SINK_FAILING, **told))
        elif one.oldest is not None and now - one.oldest > _LATE:
            found.append(warning("outcomes", Kind.OUTCOMES_LATE, **told | {"since": clock(one.oldest)}))
    return found


def forgotten(names: Sequence[str]) -> list[Finding]:
    """Outboxes that hold outcomes for sinks that the apps file does not name."""
    return [error("outcomes", Kind.OUTCOMES_WITHOUT_APP, sink=name) for name in names]


def _outboxes(redis: StoreRedis) -> set[str]:
    """Names of the sinks for which anything waits; a very large store is not looked through to the end."""
    return {name.removeprefix(redis.store_keys.outcomes("")) for name in _scanned(redis)}


def _scanned(redis: StoreRedis) -> Iterator[str]:
    cursor = 0
    for _ in range(_SCANNED // _SCAN_STEP):
        page: Any = redis.scan(cursor, match=redis.store_keys.outcomes("*"), count=_SCAN_STEP)
        cursor, names = page
        yield from map(str, names)
        if cursor == 0:
            return

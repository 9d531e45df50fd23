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
        name, _ = app_and_kind(one.sink)
        if one.condition is Condition.DISABLED:
            problem = f"{one.sink} has been disabled since {since}: its endpoint answered 410; {one.waiting} outcomes wait"
            found.append(error("outcomes", problem, f"ask the app, then `smsrelay webhook resume {name}`"))
        elif one.condition is Condition.PAUSED:
            problem = f"{one.sink} has been paused since {since} after a day of nothing but failures ({one.status}); "
            remedy = f"fix the cause, try `smsrelay webhook test {name}`, then `smsrelay webhook resume {name}`"
            found.append(error("outcomes", f"{problem}{one.waiting} outcomes wait", remedy))
        elif one.condition is Condition.FAILING:
            problem = f"deliveries to {one.sink} have failed since {since} ({one.status}); {one.waiting} outcomes wait"
            found.append(warning("outcomes", problem, f"fix the cause; `smsrelay webhook test {name}` tries it at once"))
        elif one.oldest is not None and now - one.oldest > _LATE:
            problem = f"an outcome for {one.sink} has waited since {clock(one.oldest)}; {one.waiting} wait"
            remedy = "start workers, or look in the log of their process `outcome` for `outcome not delivered`"
            found.append(warning("outcomes", problem, remedy))
    return found


def forgotten(names: Sequence[str]) -> list[Finding]:
    """Outboxes that hold outcomes for sinks that the apps file does not name."""
    remedy = "name the app's sink in the file that SMSRELAY_APPS names, here and for all workers; the retention ends what waits"
    return [error("outcomes", f"outcomes wait for {name}, which the apps file does not name", remedy) for name in names]


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

"""Checks what workers and receivers tell of their hosts: clocks, spools, and receivers that fell silent. Pure.

Instants are ms on the store's clock.
"""

from collections.abc import Iterable, Iterator, Sequence

from smsrelay.store.receiver_registry import SILENT, ReceiverProcess
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.store.worker_registry import WorkerProcess

DOUBT, REFUSAL = 1000, 30_000  # ms between two clocks


def clocks_apart(workers: Iterable[WorkerProcess], receivers: Iterable[ReceiverProcess]) -> Iterator[Finding]:
    """Hosts whose clock differs from the store's."""
    told: dict[str, int] = {}
    measured = [*((one.host, one.clock) for one in workers), *((one.host, one.clock) for one in receivers)]
    for host, ahead in measured:
        if ahead is not None and abs(ahead) > abs(told.get(host, 0)):
            told[host] = ahead
    for host, ahead in sorted(told.items()):
        if abs(ahead) > DOUBT:
            problem = f"the clock of {host} is {abs(ahead) / 1000:.1f} s {'ahead of' if ahead > 0 else 'behind'} the store's"
            why = "signatures go by the worker's clock, deadlines by the store's"
            remedy = f"synchronise both hosts (`timedatectl` on {host}): {why}"
            yield (error if abs(ahead) > REFUSAL else warning)("clock", problem, remedy)


def receivers_silent(receivers: Sequence[ReceiverProcess], now: int) -> Iterator[Finding]:
    """Receivers that did not stop in order and send no heartbeat any more."""
    silent = [one for one in receivers if now - one.last_seen > SILENT * 1000]
    remedy = "start it on that host: `smsrelay receiver`"
    if silent and len(silent) == len(receivers):
        last = clock(max(one.last_seen for one in silent))
        yield error("receivers", f"no receiver is alive, the last one was until {last}: no report arrives", remedy)
    living = {(one.host, one.spool) for one in receivers if one not in silent}
    for one in silent:
        if one.spooled and (one.host, one.spool) not in living:
            left = f"{one.spooled:,} reports in its spool"
            problem = f"the receiver on {one.host} fell silent at {clock(one.last_seen)} with {left}"
            yield error("spool", problem, f"{remedy}, which publishes them; they are on its disk")


def spools(receivers: Iterable[ReceiverProcess], now: int) -> Iterator[Finding]:
    """Living receivers whose spool holds reports, or cannot be read."""
    told = {(one.host, one.spool): one for one in receivers if now - one.last_seen <= SILENT * 1000}
    for (host, _), one in sorted(told.items()):
        if one.spooled is None:
            yield error("spool", f"the receiver on {host} cannot read its spool", f"look at its disk and its log on {host}")
        elif one.spooled:
            since = f", the oldest since {clock(one.oldest_spooled)}" if one.oldest_spooled is not None else ""
            remedy = "it publishes them once store and broker take writes; if they do, its log says what it waits for"
            yield warning("spool", f"{one.spooled:,} reports wait in the spool of {host}{since}", remedy)

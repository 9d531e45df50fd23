"""Checks what workers and receivers tell of their hosts: clocks, spools, and receivers that fell silent. Pure.

Instants are ms on the store's clock.
"""

from collections.abc import Iterable, Iterator, Sequence

from smsrelay.store.receiver_registry import SILENT, ReceiverProcess
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind
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
            kind = Kind.CLOCK_AHEAD if ahead > 0 else Kind.CLOCK_BEHIND
            yield (error if abs(ahead) > REFUSAL else warning)("clock", kind, host=host, seconds=abs(ahead) / 1000)


def receivers_silent(receivers: Sequence[ReceiverProcess], now: int) -> Iterator[Finding]:
    """Receivers that did not stop in order and send no heartbeat any more."""
    silent = [one for one in receivers if now - one.last_seen > SILENT * 1000]
    if silent and len(silent) == len(receivers):
        last = clock(max(one.last_seen for one in silent))
        yield error("receivers", Kind.RECEIVERS_GONE, last=last)
    living = {(one.host, one.spool) for one in receivers if one not in silent}
    for one in silent:
        if one.spooled and (one.host, one.spool) not in living:
            last = clock(one.last_seen)
            yield error("spool", Kind.RECEIVER_LEFT_A_SPOOL, host=one.host, last=last, count=one.spooled)


def spools(receivers: Iterable[ReceiverProcess], now: int) -> Iterator[Finding]:
    """Living receivers whose spool holds reports, or cannot be read."""
    told = {(one.host, one.spool): one for one in receivers if now - one.last_seen <= SILENT * 1000}
    for (host, _), one in sorted(told.items()):
        if one.spooled is None:
            yield error("spool", Kind.SPOOL_UNREADABLE, host=host)
        elif one.spooled:
            since = clock(one.oldest_spooled) if one.oldest_spooled is not None else "?"
            yield warning("spool", Kind.SPOOL_NOT_EMPTY, host=host, count=one.spooled, since=since)

"""Overview: the state of the whole relay in numbers, as ``smsrelay status`` and the metrics show it.

Enters: what operators look at. Leaves: one frozen value; nothing in it names a person. Fails with ``StoreUnavailable``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from producers.lanes import Lane
from worker.limit import RateState
from worker.muster import WorkerProcess
from worker.operator import Operator


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts of messages, and the rate."""

    rate: RateState
    waiting: Mapping[Lane, int]  # published, and taken by no worker yet
    put_off: int  # by a halt, until it is over; no lane counts them as waiting
    agenda: int  # not final: waiting, put off, in flight, or awaiting a report
    reports: int  # received and not applied yet
    dead: int  # failed or ended unknown, within the retention
    unlisted: Mapping[str, int]  # reports by status codes that the policy does not know
    workers: tuple[WorkerProcess, ...]  # that are alive

    @classmethod
    def read(cls, operator: Operator) -> "Overview":
        """As things stand now."""
        store = operator.store
        waiting = {lane: store.waiting(lane) for lane in Lane}
        counts = (operator.put_off.count(), store.timed(), store.reports(), store.dead_count(), store.unlisted())
        return cls(operator.limit.state(), waiting, *counts, operator.muster.processes())

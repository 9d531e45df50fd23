"""StatusOverview: the state of the whole relay in numbers, as ``smsrelay status`` and the metrics show it.

Enters: what operators look at. Leaves: one frozen value; nothing in it names a person. Fails with ``StoreUnavailable``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smsrelay.contract.lanes import Lane
from smsrelay_worker.operations.operator import Operator
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.store.shared_settings import Difference, differences
from smsrelay_worker.store.worker_registry import WorkerProcess


@dataclass(frozen=True, slots=True)
class StatusOverview:
    """Counts of messages, and the rate."""

    rate: RateState
    waiting: Mapping[Lane, int]  # published, and taken by no worker yet
    put_off: int  # by a halt, until it is over; no lane counts them as waiting
    agenda: int  # not final: waiting, put off, in flight, or awaiting a report
    reports: int  # received and not applied yet
    dead: int  # failed or ended unknown, within the retention
    unlisted: Mapping[str, int]  # reports by status codes that the policy does not know
    workers: tuple[WorkerProcess, ...]  # that are alive
    differences: tuple[Difference, ...]  # settings that the workers do not share

    @classmethod
    def read(cls, operator: Operator) -> "StatusOverview":
        """As things stand now."""
        count = operator.counts
        waiting = {lane: count.waiting(lane) for lane in Lane}
        counts = (operator.halted_messages.count(), count.not_final(), count.reports(), operator.dead.count(), count.unlisted())
        workers = operator.muster.processes()
        apart = differences((one.name, one.given) for one in workers)
        return cls(operator.limiter.state(given_rate(workers)), waiting, *counts, workers, apart)


def given_rate(workers: Sequence[WorkerProcess]) -> float | None:
    """The rate (a second) that the living workers were given, the highest when they differ; None when none of them says."""
    return max((one.given.rate for one in workers if one.given is not None), default=None)

"""StatusOverview: the state of the whole relay in numbers, for ``smsrelay status`` and the metrics.

One frozen value with nothing personal in it. Reading it raises ``StoreUnavailable``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from smsrelay.contract.lanes import Lane
from smsrelay.store.traffic.halts import HaltedPart
from smsrelay_worker.operations.code_use import WEEK, CodeUse, code_use
from smsrelay_worker.operations.halted_parts import stopped
from smsrelay_worker.operations.sinks import SinkOverview, sink_overviews
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.store.fuses import BlownFuse
from smsrelay_worker.store.shared_settings import Difference, differences
from smsrelay_worker.store.worker_registry import WorkerProcess


@dataclass(frozen=True, slots=True)
class StatusOverview:
    """Rate, counts of messages and reports, and live workers."""

    rate: RateState
    waiting: Mapping[Lane, int]  # queued and not taken by a worker yet
    put_off: int  # deferred by a halt until it ends; not counted in ``waiting``
    not_final: int  # waiting, deferred, in flight, or awaiting a report
    reports: int  # received and not applied yet
    dead: int  # failed or ended unknown, within the retention
    unlisted: Mapping[str, int]  # reports per status code that has no row in the policy
    workers: tuple[WorkerProcess, ...]  # live ones
    differences: tuple[Difference, ...]  # settings in which the workers differ
    sinks: tuple[SinkOverview, ...]  # where outcomes go
    halted_parts: tuple[HaltedPart, ...] = ()  # parts of the traffic, and campaigns, that can be resumed
    suppressed: Mapping[str, int] = field(default_factory=dict)  # numbers that want no marketing, by list
    fuses: tuple[BlownFuse, ...] = ()  # what waits until tomorrow
    codes_today: tuple[CodeUse, ...] = ()  # by country; a day of UTC
    codes_week: tuple[CodeUse, ...] = ()  # today and the six days before

    @classmethod
    def read(cls, operations: Operations) -> "StatusOverview":
        """The current state."""
        count, workers = operations.counts, operations.worker_registry.processes()
        codes = operations.code_counts.read()
        return cls(
            rate=operations.limiter.state(given_rate(workers)),
            waiting={lane: count.waiting(lane) for lane in Lane},
            halted_parts=tuple(stopped(operations.halts.all())),
            put_off=operations.halted_messages.count(),
            not_final=count.not_final(),
            reports=count.reports(),
            dead=operations.dead_letters.count(),
            unlisted=count.unlisted(),
            workers=workers,
            differences=differences((one.name, one.given) for one in workers),
            suppressed={count.list: count.numbers for count in operations.suppressed()},
            sinks=sink_overviews(operations.apps(), operations.outcomes, operations.sink_states),
            fuses=operations.fuses.blown(),
            codes_today=code_use(codes, 1),
            codes_week=code_use(codes, WEEK),
        )


def given_rate(workers: Sequence[WorkerProcess]) -> float | None:
    """The rate (per second) that the live workers were configured with, the highest if they differ; None if none reports one."""
    return max((one.given.rate for one in workers if one.given is not None), default=None)

"""StatusOverview: the state of the whole relay in numbers, for ``smsrelay status``, the doctor and the metrics.

One frozen value with nothing personal in it. Reading it writes nothing, so it is read from a store that refuses writes, too; it
raises ``StoreUnavailable`` if the store answers nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from smsrelay.contract.lanes import Lane
from smsrelay.contract.send_window import SendWindow
from smsrelay.store.receiver_registry import ReceiverProcess
from smsrelay.store.traffic.halts import HaltedPart
from smsrelay_worker.operations.code_use import WEEK, CodeUse, code_use
from smsrelay_worker.operations.halted_parts import stopped
from smsrelay_worker.operations.sinks import SinkOverview, sink_overviews
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.store.fuses import BlownFuse
from smsrelay_worker.store.kept_counts import Kept
from smsrelay_worker.store.oldest_waiting import LaneWait
from smsrelay_worker.store.shared_settings import Difference, differences
from smsrelay_worker.store.worker_registry import WorkerProcess


class Flow(StrEnum):
    """Whether messages leave; the first of these that is so."""

    STORE_REFUSES = "store_refuses"  # it takes no writes: nothing is accepted and nothing begun
    HALTED = "halted"
    CIRCUIT_OPEN = "circuit_open"
    NO_WORKERS = "no_workers"  # none takes messages of any lane
    SUBMITTING = "submitting"  # nothing holds messages back, in the lanes that a worker takes


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
    wait_bounds: Mapping[Lane, float]  # seconds that the oldest message of each lane may wait
    halted_parts: tuple[HaltedPart, ...] = ()  # parts of the traffic, and campaigns, that can be resumed
    suppressed: Mapping[str, int] = field(default_factory=dict)  # numbers that want no marketing, by list
    fuses: tuple[BlownFuse, ...] = ()  # what waits until tomorrow
    codes_today: tuple[CodeUse, ...] = ()  # by country; a day of UTC
    codes_week: tuple[CodeUse, ...] = ()  # today and the six days before
    now: int = 0  # ms, the store's clock
    unwritable: str | None = None  # why the store refuses writes
    oldest: Mapping[Lane, LaneWait] = field(default_factory=dict)  # the lanes in which messages wait
    oldest_report: int | None = None  # when the oldest report that is not applied was received; ms
    kept: Kept = field(default_factory=Kept)  # what could not be read
    closed: tuple[Lane, ...] = ()  # lanes whose send windows are closed
    receivers: tuple[ReceiverProcess, ...] = ()  # living ones, and those that fell silent within a day

    @property
    def flow(self) -> Flow:
        """Whether messages leave."""
        if self.unwritable is not None:
            return Flow.STORE_REFUSES
        if self.rate.halted is not None:
            return Flow.HALTED
        if self.rate.circuit is not None:
            return Flow.CIRCUIT_OPEN
        return Flow.SUBMITTING if len(self.untaken) < len(Lane) else Flow.NO_WORKERS

    @property
    def untaken(self) -> tuple[Lane, ...]:
        """Lanes whose messages no worker takes."""
        taken = {queue for one in self.workers for queue in one.queues}
        return tuple(lane for lane in Lane if lane.queue not in taken)

    @classmethod
    def read(cls, operations: Operations) -> "StatusOverview":
        """The current state."""
        count, workers = operations.counts, operations.worker_registry.processes()
        codes, now = operations.code_counts.read(), operations.store_time()
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
            wait_bounds=operations.wait_bounds,
            fuses=operations.fuses.blown(),
            codes_today=code_use(codes, 1),
            codes_week=code_use(codes, WEEK),
            now=now,
            unwritable=operations.unwritable(),
            oldest=operations.oldest_waiting.lanes(),
            oldest_report=operations.oldest_waiting.report(),
            kept=operations.kept_counts.read(),
            closed=closed_lanes(operations.send_windows(), now),
            receivers=operations.receiver_registry.receivers(),
        )


def closed_lanes(windows: Sequence[SendWindow], now: int) -> tuple[Lane, ...]:
    """Lanes that have send windows, none of which is open at ``now`` (ms)."""
    windowed = {window.lane for window in windows}
    opened = {window.lane for window in windows if window.is_open(now)}
    return tuple(lane for lane in Lane if lane in windowed - opened)


def given_rate(workers: Sequence[WorkerProcess]) -> float | None:
    """The rate (per second) that the live workers were configured with, the highest if they differ; None if none reports one."""
    return max((one.given.rate for one in workers if one.given is not None), default=None)

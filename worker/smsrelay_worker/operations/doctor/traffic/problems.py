"""Problems: everything in an overview of the relay that somebody should act on, each with the next step.

``smsrelay status``, the console and the doctor show the same findings. Pure.
"""

from collections.abc import Iterator

from smsrelay.contract.lanes import OUTCOME_QUEUE, STATUS_QUEUE, Lane
from smsrelay_worker.operations.doctor.finding import Finding, Severity
from smsrelay_worker.operations.doctor.traffic.hosts import clocks_apart, receivers_silent, spools
from smsrelay_worker.operations.doctor.traffic.kept import kept_findings
from smsrelay_worker.operations.doctor.traffic.pumping import blown
from smsrelay_worker.operations.doctor.traffic.queues import untaken_queues
from smsrelay_worker.operations.doctor.traffic.sinks import sinks
from smsrelay_worker.operations.doctor.traffic.stopped import circuit, halted, halted_parts, unlisted, unwritable
from smsrelay_worker.operations.doctor.traffic.waiting import long_reports, long_waits
from smsrelay_worker.operations.doctor.traffic.workers import examine_workers
from smsrelay_worker.operations.status import StatusOverview

_ORDER = list(Severity)


def problems(overview: StatusOverview) -> list[Finding]:
    """All of them, errors first."""
    return sorted(_all(overview), key=lambda one: _ORDER.index(one.severity))


def examine_traffic(overview: StatusOverview) -> Iterator[Finding]:
    """What living processes show: queues that no worker takes, what has waited for too long, spools, clocks."""
    yield from untaken_queues(waiting_by_queue(overview), overview.workers)
    open_lanes = {lane: wait for lane, wait in overview.oldest.items() if lane not in overview.closed}
    yield from long_waits(open_lanes, overview.wait_bounds, overview.waiting, overview.now)
    yield from long_reports(overview.oldest_report, overview.reports, overview.now)
    yield from receivers_silent(overview.receivers, overview.now)
    yield from spools(overview.receivers, overview.now)
    yield from clocks_apart(overview.workers, overview.receivers)


def waiting_by_queue(overview: StatusOverview) -> dict[str, int]:
    """What waits for a worker in each queue that is in use; the one of outcomes is if an app wants to be told."""
    found = {lane.queue: overview.waiting.get(lane, 0) for lane in Lane} | {STATUS_QUEUE: overview.reports}
    return found | ({OUTCOME_QUEUE: sum(one.waiting for one in overview.sinks)} if overview.sinks else {})


def _all(overview: StatusOverview) -> Iterator[Finding]:
    yield from unwritable(overview.unwritable)
    yield from halted(overview.rate.halted)
    yield from circuit(overview.rate.circuit)
    yield from examine_traffic(overview)
    yield from halted_parts(list(overview.halted_parts))
    yield from blown(overview.fuses)
    yield from sinks(overview.sinks, overview.now)
    yield from kept_findings(overview.kept)
    yield from unlisted(overview.unlisted)
    yield from examine_workers(overview.workers)

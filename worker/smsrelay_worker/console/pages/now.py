"""Now: is the vendor down, are we halted, how long does each lane wait, who works on it, and what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.console.chart import bars, line
from smsrelay_worker.console.checkup import Checkup
from smsrelay_worker.console.page import Page, Visit
from smsrelay_worker.console.watch import Watch
from smsrelay_worker.operations.doctor.finding import Finding, Severity
from smsrelay_worker.operations.doctor.traffic.problems import problems
from smsrelay_worker.operations.status import Flow, StatusOverview

_FINAL = (State.DELIVERED, State.UNKNOWN, State.EXPIRED, State.CANCELLED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What matters most at the moment, in one line. ``level`` is good, warn or bad; ``key`` that of a text."""

    level: str
    key: str
    values: dict[str, object] = field(default_factory=dict)
    since: int | None = None  # ms


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One lane: how much waits, how long the first of it (ms), what is in flight, and how many workers take it."""

    lane: Lane
    waiting: int
    wait: int | None
    in_flight: int
    workers: int
    closed: bool  # its send window


class Now:
    """The first page."""

    def __init__(self, watch: Watch, checkup: Checkup) -> None:
        self._watch = watch
        self._checkup = checkup

    def pages(self) -> list[Page]:
        """What it answers."""
        return [Page("/", get=self._show)]

    def _show(self, visit: Visit) -> Response:
        overview = self._watch.overview()
        moved, in_flight = self._watch.movement(), self._watch.tallied().in_flight()
        found = problems(overview)
        return visit.page(
            "now.html",
            here="now",
            overview=overview,
            rate=overview.rate,
            verdict=verdict(overview, found),
            lanes=lane_rows(overview, in_flight),
            waiting_line=line(moved.waiting),
            rate_line=line(moved.rate),
            ended=bars({one.value: moved.ended.get(one.value, 0) for one in _FINAL}),
            problems=found,
            examined=self._checkup.latest(),
        )


def lane_rows(overview: StatusOverview, in_flight: Mapping[Lane, int]) -> list[LaneRow]:
    """One row for each lane, the most urgent first."""
    return [_row(overview, lane, in_flight[lane]) for lane in Lane]


def verdict(overview: StatusOverview, found: Sequence[Finding]) -> Verdict:
    """What stops the messages, if anything does; otherwise the number of errors, or of warnings; or all is well."""
    stopped = _stopped(overview)
    if stopped is not None:
        return stopped
    counts = {one: sum(finding.severity is one for finding in found) for one in Severity}
    if counts[Severity.ERROR]:
        return Verdict("bad", "now.errors", {"count": counts[Severity.ERROR]})
    if counts[Severity.WARNING]:
        return Verdict("warn", "now.warnings", {"count": counts[Severity.WARNING]})
    rate = overview.rate
    if rate.current < rate.configured or rate.paused_until is not None:
        return Verdict("warn", "now.throttled", {"current": f"{rate.current:.4g}", "configured": f"{rate.configured:g}"})
    return Verdict("good", "now.submitting")


def _stopped(overview: StatusOverview) -> Verdict | None:
    """What stops everything; None if something leaves."""
    halted, circuit = overview.rate.halted, overview.rate.circuit
    match overview.flow:
        case Flow.STORE_REFUSES:
            return Verdict("bad", "now.store_refuses")
        case Flow.HALTED if halted is not None:
            key = "now.halted_by_operator" if halted.by_operator else "now.halted"
            return Verdict("bad", key, {"code": halted.code}, halted.since)
        case Flow.CIRCUIT_OPEN if circuit is not None:
            return Verdict("bad", "now.circuit", since=circuit.since)
        case Flow.NO_WORKERS:
            return Verdict("bad", "now.no_worker")
    return None


def _row(overview: StatusOverview, lane: Lane, in_flight: int) -> LaneRow:
    oldest = overview.oldest.get(lane)
    wait = None if oldest is None else max(0, overview.now - oldest.since)
    workers = sum(lane.queue in one.queues for one in overview.workers)
    return LaneRow(lane, overview.waiting[lane], wait, in_flight, workers, lane in overview.closed)

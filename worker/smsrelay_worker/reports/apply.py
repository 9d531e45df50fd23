"""Reports: applies the vendor's status reports. Every report is applied here.

Takes the ``StatusEvent`` values of one task; returns an ``TaskResult`` for each, saying what it changed. Works in rounds:
1. look up the messages of reports that carry the external id only;
2. read all records in one round trip and decide on the first report for each; one that repeats an earlier report is done, and the
   next report on that message is decided at once;
3. apply all transitions in one round trip, each to the record it was decided on. A report whose record has changed meanwhile, and
   further ones on the same message, go to the next round: reports on one message are applied in the order in which they came.
A report on a message that is not recorded (yet), or with an external id that no recorded submit has (yet), is parked.
Raises ``StoreUnavailable``: each report was then applied completely or not at all, and applying it again is harmless.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from smsrelay.contract.event import StatusEvent
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay.store.connection import StoreUnavailable
from smsrelay.store.records import Reading, Records
from smsrelay_worker.messages.report_tally import ReportResult, report_result
from smsrelay_worker.messages.reports import reported
from smsrelay_worker.messages.suppressing import Suppressing
from smsrelay_worker.messages.task_result import Fault, TaskResult, Verdict
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.store.parked_reports import ParkedReports
from smsrelay_worker.traces.message_traces import AppliedReport, MessageTraces

log = structlog.get_logger()

_Named = tuple[str, int]  # message and attempt
_Decided = tuple[int, Record, Transition]  # place of the report, its record, and the transition


@dataclass(slots=True)
class _Round:
    """The reports of one call, by their place in it: their messages, which are left, and the outcomes of the others."""

    events: Sequence[StatusEvent]
    named: dict[int, _Named] = field(default_factory=dict)
    left: dict[int, None] = field(default_factory=dict)  # a set that keeps its order
    outcomes: dict[int, TaskResult] = field(default_factory=dict)
    applied: list[AppliedReport] = field(default_factory=list)  # what is traced
    since: float = field(default_factory=time.monotonic)

    def done(self, place: int, outcome: TaskResult) -> None:
        """Note the outcome of a report."""
        self.outcomes[place] = outcome
        del self.left[place]

    def by_message(self) -> dict[str, list[int]]:
        """The places that are left for each known message, in order."""
        places: dict[str, list[int]] = {}
        for place in self.left:
            if place in self.named:
                places.setdefault(self.named[place][0], []).append(place)
        return places


class Reports:
    """Applies reports; safe to share between threads. ``traces``: None traces nothing."""

    def __init__(
        self,
        records: Records,
        parked: ParkedReports,
        policy: Policy,
        roll: Callable[[], float],
        suppressing: Suppressing,
        traces: MessageTraces | None = None,
    ) -> None:
        self._suppressing = suppressing
        self._traces = traces
        self._records = records
        self._parked = parked
        self._policy = policy
        self._roll = roll

    def apply(self, event: StatusEvent) -> TaskResult:
        """Apply one report; raises ``StoreUnavailable``."""
        [outcome] = self._apply([event])
        return outcome

    def apply_each(self, events: Sequence[StatusEvent]) -> list[TaskResult | Fault]:
        """Apply reports independently of each other; raises ``StoreUnavailable``.

        One that raises an unexpected exception is logged and becomes a ``Fault``: it is not applied, and has to be tried again.
        """
        if not events:
            return []
        try:
            return list(self._apply(events))
        except StoreUnavailable:
            raise
        except Exception as error:
            if len(events) == 1:
                [event] = events
                log.exception("report not applied", message_id=event.message_id, attempt=event.attempt, code=event.code)
                return [Fault(type(error).__name__)]
        return [outcome for event in events for outcome in self.apply_each([event])]

    def _apply(self, events: Sequence[StatusEvent]) -> list[TaskResult]:
        todo = _Round(events, left=dict.fromkeys(range(len(events))))
        while todo.left:
            self._name(todo)
            self._park(todo, self._apply_first(todo))
        if self._traces is not None:
            self._traces.reports(todo.applied)
        outcomes = [todo.outcomes[place] for place in range(len(events))]
        log.info("reports applied", reports=[str(outcome) for outcome in outcomes])
        return outcomes

    def _name(self, todo: _Round) -> None:
        """Find the message and attempt of each report."""
        for place in todo.left:
            event = todo.events[place]
            if event.message_id is not None and event.attempt is not None:
                todo.named[place] = event.message_id, event.attempt
        unnamed = [place for place in todo.left if place not in todo.named]
        found = self._records.submits_of([todo.events[place].external_id or "" for place in unnamed])
        todo.named |= {place: named for place, named in zip(unnamed, found, strict=True) if named is not None}

    def _apply_first(self, todo: _Round) -> list[int]:
        """Apply to each message the first of its reports that changes something; returns the reports without a message."""
        waiting = todo.by_message()
        decided: list[_Decided] = []
        unknown = [place for place in todo.left if place not in todo.named]
        for places, reading in zip(waiting.values(), self._records.read_many(list(waiting)), strict=True):
            if reading is None:
                unknown += places
            else:
                decided += self._decided(todo, places, reading)
        applied = self._records.apply_many([(record, moved) for _, record, moved in decided])
        for (place, record, moved), is_applied in zip(decided, applied, strict=True):
            if is_applied:
                self._end(todo, place, record, moved)
        return unknown

    def _decided(self, todo: _Round, places: Sequence[int], reading: Reading) -> Iterator[_Decided]:
        """The first of the reports on one message that changes something; those before it are done."""
        for place in places:
            attempt = todo.named[place][1]
            moved = reported(reading.record, attempt, todo.events[place], self._policy, reading.now, self._roll())
            if moved is not None:
                yield place, reading.record, self._suppressing.of(reading.record, moved, self._policy)
                return
            self._end(todo, place, reading.record, None)

    def _end(self, todo: _Round, place: int, record: Record, moved: Transition | None) -> None:
        todo.done(place, _outcome(todo, place, record, moved))
        if self._traces is not None:
            became = moved.state if moved is not None and moved.state is not record.state else None
            report = AppliedReport(record, todo.named[place][1], todo.events[place].code, todo.since, became)
            todo.applied.append(report)

    def _park(self, todo: _Round, places: Sequence[int]) -> None:
        """Park what cannot be applied yet; what has become known meanwhile stays for the next round."""
        for place in places:
            event = todo.events[place]
            if event.message_id is None and place in todo.named:
                message_id, attempt = todo.named[place]
                todo.done(place, TaskResult("its message is gone", message_id, attempt=attempt, counted=ReportResult.UNMATCHED))
            elif self._parked.park(event):
                log.warning("report parked", message_id=event.message_id, attempt=event.attempt, code=event.code)
                text = f"parked until its message is known, code {event.code}"
                unmatched = TaskResult(text, event.message_id or "", verdict=Verdict.WAITS, counted=ReportResult.UNMATCHED)
                todo.done(place, unmatched)


def _outcome(todo: _Round, place: int, record: Record, moved: Transition | None) -> TaskResult:
    message_id, attempt = todo.named[place]
    test = "test message, " if record.test else ""
    counted = "" if record.test else report_result(record, attempt, todo.events[place], moved).value
    text = f"{test}code {todo.events[place].code}, {_became(record, moved)}"
    changed = moved.state if moved is not None and moved.state is not record.state else None
    return TaskResult(text, message_id, record.lane.value, attempt, Verdict.of(changed), counted)


def _became(record: Record, moved: Transition | None) -> str:
    if moved is None:
        return "repetition"
    return moved.state.value if moved.state is not record.state else "noted"

"""PendingReports: applies reports on one message that wait in the inbox, or are parked, ahead of their turn in the queue.

This happens before a message is submitted again or given up on, and once parked reports can be applied. An applied report
decides; its copy in the queue is then a repetition. One that raises an unexpected exception stays in the inbox, where its tries
are counted, and holds up neither the message nor the other reports.
Raises ``StoreUnavailable``; applying again is harmless.
"""

from smsrelay.messages.record import Record
from smsrelay.store.inbox import Inbox
from smsrelay_worker.messages.task_result import Fault, TaskResult
from smsrelay_worker.reports.apply import Reports
from smsrelay_worker.store.parked_reports import ParkedReports


class PendingReports:
    """Reports whose turn is late or never comes; safe to share between threads."""

    def __init__(self, parked: ParkedReports, inbox: Inbox, reports: Reports) -> None:
        self._parked = parked
        self._inbox = inbox
        self._reports = reports

    def apply(self, record: Record) -> bool:
        """Apply the reports on a message that wait in the inbox; True if any was applied. Raises ``StoreUnavailable``."""
        waiting = self._inbox.waiting(record.message_id, record.external_id)
        outcomes = self._reports.apply_each(waiting)
        pairs = zip(waiting, outcomes, strict=True)
        applied = [(event, outcome.counted) for event, outcome in pairs if isinstance(outcome, TaskResult)]
        self._inbox.remove([event for event, _ in applied], in_turn=False, results=[result for _, result in applied])
        return bool(applied)

    def apply_parked(self, any_id: str) -> None:
        """Apply the reports parked under a message id or an external id; raises ``StoreUnavailable``."""
        parked = self._parked.of(any_id)
        outcomes = self._reports.apply_each(parked)
        failed = [event for event, outcome in zip(parked, outcomes, strict=True) if isinstance(outcome, Fault)]
        if failed:
            self._inbox.record(failed)
        if parked:
            self._parked.drop(any_id)

"""PendingReports: the reports on one message that wait somewhere, applied out of their turn: in the inbox, or parked.

Enters: a record that is about to be submitted again, or given up on; the id that parked reports waited for. Leaves: whether a
report was applied; it decides then, and the queue's copy of it finds a repetition. One that brings out a fault of ours is left to
the inbox, where its tries are counted, and holds up neither the message nor the other reports.
Fails with ``StoreUnavailable``; applying again is harmless.
"""

from smsrelay.store.inbox import Inbox
from smsrelay_worker.messages.outcome import Fault, Outcome
from smsrelay_worker.messages.record import Record
from smsrelay_worker.reports.apply import Reports
from smsrelay_worker.store.parked_reports import ParkedReports


class PendingReports:
    """Reports whose turn is late or never comes; safe to share between threads."""

    def __init__(self, parked: ParkedReports, inbox: Inbox, reports: Reports) -> None:
        self._parked = parked
        self._inbox = inbox
        self._reports = reports

    def apply(self, record: Record) -> bool:
        """Apply what waits for a message in the inbox; raises ``StoreUnavailable``."""
        waiting = self._inbox.waiting(record.message_id, record.external_id)
        outcomes = self._reports.apply_each(waiting)
        applied = [event for event, outcome in zip(waiting, outcomes, strict=True) if isinstance(outcome, Outcome)]
        self._inbox.remove(applied, in_turn=False)
        return bool(applied)

    def apply_parked(self, any_id: str) -> None:
        """Apply the reports that came before their message or the vendor's id was recorded; raises ``StoreUnavailable``."""
        parked = self._parked.of(any_id)
        outcomes = self._reports.apply_each(parked)
        owed = [event for event, outcome in zip(parked, outcomes, strict=True) if isinstance(outcome, Fault)]
        if owed:
            self._inbox.record(owed)
        if parked:
            self._parked.drop(any_id)

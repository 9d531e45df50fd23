"""Unread: the reports on one message that wait in the inbox, applied out of their turn.

Enters: a record that is about to be submitted again, or given up on. Leaves: whether a report was applied; it decides then, and
the queue's copy of it finds a repetition. One that brings out a fault of ours stays for its task.
Fails with ``StoreUnavailable``; applying again is harmless.
"""

from producers.inbox import Inbox
from producers.record import Record
from worker.outcome import Outcome
from worker.status import Reports


class Unread:
    """Reports that a queue which is behind has not brought yet; safe to share between threads."""

    def __init__(self, inbox: Inbox, reports: Reports) -> None:
        self._inbox = inbox
        self._reports = reports

    def apply(self, record: Record) -> bool:
        """Apply what waits for a message; raises ``StoreUnavailable``."""
        waiting = self._inbox.waiting(record.message_id, record.external_id)
        outcomes = self._reports.apply_each(waiting)
        applied = [event for event, outcome in zip(waiting, outcomes, strict=True) if isinstance(outcome, Outcome)]
        self._inbox.applied(applied, in_turn=False)
        return bool(applied)

"""Scheduler: makes happen what is due.

Enters: the passing of time. Leaves: transitions (retry due, lease over, report overdue, expired) and published wake-ups.
Before a message is submitted again, or ended, because no report came, the inbox is looked into: the queue may be behind.
Every worker process runs one; nobody is the leader, because acting is idempotent. A process killed in between loses nothing: an
entry stays in the agenda until the message's next transition, and a published id stays in the outbox until it is begun.
Fails with ``StoreUnavailable`` or ``BrokerUnavailable``; the next turn does what this one could not. A message that brings out a
fault of ours is logged and looked at again ten seconds later; those behind it are not kept waiting.
"""

from collections import defaultdict

import structlog

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.lanes import Lane
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.transition import Transition
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.reports.pending import PendingReports
from smsrelay_worker.reports.poll import StatusPoller
from smsrelay_worker.store.due_messages import DueMessages
from smsrelay_worker.store.records import Reading, Records

_AT_MOST = 500  # messages a turn
_ON_ITS_WAY = 5.0  # seconds that a begin may take to the store; its lease is counted from before

log = structlog.get_logger()


class Scheduler:
    """What is due, in turns."""

    def __init__(
        self,
        due: DueMessages,
        records: Records,
        enqueuer: Enqueuer,
        poller: StatusPoller,
        pending: PendingReports,
        policy: Policy,
        lease: float,
    ) -> None:
        self._due = due
        self._records = records
        self._enqueuer = enqueuer
        self._poller = poller
        self._pending = pending
        self._policy = policy
        self._lease = int((lease - _ON_ITS_WAY) * 1000)

    def turn(self) -> int:
        """Do what is due now and return how much that was; raises ``StoreUnavailable`` or ``BrokerUnavailable``."""
        due = self._due.take(_AT_MOST)
        owed: dict[Lane, list[str]] = defaultdict(list)
        for message_id in due:
            lane = self._look_at(message_id)
            if lane is not None:
                owed[lane].append(message_id)
        for lane, message_ids in owed.items():
            self._enqueuer.publish(lane, message_ids)
        return len(due)

    def _look_at(self, message_id: str) -> Lane | None:
        """Do what is due for one message; its lane when a worker has to be told. A fault of ours must not stop the others."""
        try:
            return self._act(message_id)
        except (StoreUnavailable, BrokerUnavailable):
            raise
        except Exception:
            log.exception("nothing done for a message that is due", message_id=message_id)
            return None

    def _act(self, message_id: str) -> Lane | None:
        reading = self._records.read(message_id)
        if reading is None:
            self._due.forget(message_id)
        elif self._poller.concerns(reading):
            self._poller.look_after(reading)
        elif not self._was_reported(reading):
            return self._wake(reading)
        return None

    def _was_reported(self, reading: Reading) -> bool:
        """Whether a report that a message is about to be given up on lies in the inbox; it is applied, and it decides."""
        gives_up = lifecycle.gives_up_on_reports(reading.record, self._policy, reading.now)
        return gives_up and self._pending.apply(reading.record)

    def _wake(self, reading: Reading) -> Lane | None:
        """Do what the time means for a message; its lane when a worker has to be told."""
        change = self._records.change(reading.record.message_id, self._woken, reading)
        owed = change is not None and change.transition is not None and change.transition.publish
        return reading.record.lane if owed else None

    def _woken(self, reading: Reading) -> Transition | None:
        if lifecycle.is_leased(reading.record, reading.now, self._lease):
            return None  # what was due is over: the attempt began since, and has a time of its own
        return lifecycle.woken(reading.record, self._policy, reading.now)

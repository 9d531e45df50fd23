"""Agenda: makes happen what is due, and finds wake-ups that were lost.

Enters: the passing of time. Leaves: transitions (retry due, lease over, report overdue, expired) and published wake-ups.
Every worker process runs one; nobody is the leader, because acting is idempotent. A process killed in between loses nothing: an
entry stays in the agenda until the message's next transition, and a published id stays in the outbox until it is begun.
Fails with ``StoreUnavailable`` or ``BrokerUnavailable``; the next turn does what this one could not.
"""

from collections import defaultdict
from collections.abc import Callable

import structlog

from producers.enqueue import Enqueuer
from producers.lanes import Lane
from worker import lifecycle
from worker.policy import Policy
from worker.store import Reading, Store
from worker.transition import Transition

GRACE = 10.0  # seconds a wake-up may be overtaken by others before it counts as lost
_AT_MOST = 500  # messages a turn

log = structlog.get_logger()


class Agenda:
    """What is due, in turns."""

    def __init__(
        self, store: Store, enqueuer: Enqueuer, policy: Policy, queue_length: Callable[[Lane], int], grace: float = GRACE
    ) -> None:
        self._store = store
        self._enqueuer = enqueuer
        self._policy = policy
        self._queue_length = queue_length
        self._grace = grace

    def turn(self) -> int:
        """Do what is due now and return how much that was; raises ``StoreUnavailable`` or ``BrokerUnavailable``."""
        due = self._store.take_due(_AT_MOST)
        owed: dict[Lane, list[str]] = defaultdict(list)
        for message_id in due:
            change = self._store.change(message_id, self._woken)
            if change is None:
                self._store.forget_due(message_id)
            elif change.transition is not None and change.transition.publish:
                owed[change.record.lane].append(message_id)
        for lane, message_ids in owed.items():
            self._enqueuer.publish(lane, message_ids)
        return len(due)

    def find_lost(self) -> int:
        """Publish again what was published and never begun; raises like ``turn``."""
        found = 0
        for lane in Lane:
            found += self._publish_lost(lane)
        return found

    def _publish_lost(self, lane: Lane) -> int:
        queue_is_empty, found = self._queue_length(lane) == 0, 0
        while lost := self._store.take_lost(lane, self._grace, _AT_MOST, queue_is_empty):
            log.warning("wake-ups were lost and are published again", lane=lane.value, messages=len(lost))
            self._enqueuer.publish(lane, lost)
            found += len(lost)
        return found

    def _woken(self, reading: Reading) -> Transition | None:
        return lifecycle.woken(reading.record, self._policy, reading.now)

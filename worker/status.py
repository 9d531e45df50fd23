"""Reports: the door through which a vendor's report is applied.

Enters: a ``StatusEvent``. Leaves: an ``Outcome`` saying what it changed. A report on a message we do not have
(yet), or by a vendor's id which no submit has brought yet, is parked until the message or the submit is recorded.
Fails with ``StoreUnavailable``: then the report was applied whole or not at all, and applying it again is harmless.
"""

from collections.abc import Callable

import structlog

from producers.event import StatusEvent
from producers.record import Record
from worker.outcome import Outcome
from worker.policy import Policy
from worker.report import reported
from worker.store import Reading, Store
from worker.transition import Transition

log = structlog.get_logger()


class Reports:
    """Applies reports; safe to share between threads."""

    def __init__(self, store: Store, policy: Policy, roll: Callable[[], float]) -> None:
        self._store = store
        self._policy = policy
        self._roll = roll

    def apply(self, event: StatusEvent) -> Outcome:
        """Apply one report; raises ``StoreUnavailable``."""
        while True:
            outcome = self._apply_named(event)
            if outcome is not None:
                return outcome
            if self._store.park(event):
                log.warning("report parked", message_id=event.message_id, attempt=event.attempt, code=event.code)
                return Outcome(f"parked until its message is known, code {event.code}", event.message_id or "")

    def apply_parked(self, any_id: str) -> None:
        """Apply the reports that came before their message or the vendor's id was recorded; raises ``StoreUnavailable``."""
        parked = self._store.parked(any_id)
        for event in parked:
            self.apply(event)
        if parked:
            self._store.unpark(any_id)

    def _apply_named(self, event: StatusEvent) -> Outcome | None:
        if event.message_id is not None and event.attempt is not None:
            return self._apply(event.message_id, event.attempt, event)
        found = self._store.submit_of(event.external_id or "")
        if found is None:
            return None
        return self._apply(*found, event) or Outcome("its message is gone", found[0], attempt=found[1])

    def _apply(self, message_id: str, attempt: int, event: StatusEvent) -> Outcome | None:
        def decide(reading: Reading) -> Transition | None:
            return reported(reading.record, attempt, event, self._policy, reading.now, self._roll())

        change = self._store.change(message_id, decide)
        if change is None:
            return None
        moved = change.transition
        outcome = _outcome(change.record, moved)
        log.info("report applied", message_id=message_id, attempt=attempt, outcome=outcome)
        return Outcome(f"code {event.code}, {outcome}", message_id, change.record.lane.value, attempt)


def _outcome(record: Record, moved: Transition | None) -> str:
    if moved is None:
        return "repetition"
    return moved.state.value if moved.state is not record.state else "noted"

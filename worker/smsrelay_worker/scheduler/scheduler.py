"""Scheduler: does what is due: retries, leases and report windows that ran out, overdue reports, expiries.

Every worker process runs one; none is the leader, because acting twice is harmless. A process killed in between loses nothing: an
entry stays in the schedule until the message's next transition, and a published id stays in the outbox until its attempt begins.
Before a message is submitted again, or ended, for want of a report, its inbox is checked: the queue of reports may be behind.
Raises ``StoreUnavailable`` or ``BrokerUnavailable``; the next turn does what this one could not. A message that raises an
unexpected exception is logged and due again ten seconds later; the others are not held up.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.lanes import Lane
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay.store.connection import StoreUnavailable
from smsrelay.store.records import Decide, Reading, Records
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.reports.pending import PendingReports
from smsrelay_worker.reports.poll import StatusPoller
from smsrelay_worker.store.due_messages import DueMessages

_AT_MOST = 500  # messages a turn
_BATCH = 50  # messages read in one round trip
_ON_ITS_WAY = 5.0  # seconds that a begin may take to reach the store; its lease is counted from before

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Wake = tuple[Reading, Decide]

log = structlog.get_logger()


class Scheduler:
    """Works through what is due, one turn at a time."""

    def __init__(
        self,
        due: DueMessages,
        records: Records,
        enqueuer: Enqueuer,
        poller: StatusPoller,
        pending: PendingReports,
        policy: Policy,
        lease: float,  # seconds
    ) -> None:
        self._due = due
        self._records = records
        self._enqueuer = enqueuer
        self._poller = poller
        self._pending = pending
        self._policy = policy
        self._lease = int((lease - _ON_ITS_WAY) * 1000)

    def turn(self) -> int:
        """Do what is due now; returns how many messages that were. Raises ``StoreUnavailable`` or ``BrokerUnavailable``."""
        due = self._due.take(_AT_MOST)
        wake_ups: dict[Lane, list[str]] = defaultdict(list)
        for start in range(0, len(due), _BATCH):
            for record in self._act_on(due[start : start + _BATCH]):
                wake_ups[record.lane].append(record.message_id)
        for lane, message_ids in wake_ups.items():
            self._enqueuer.publish(lane, message_ids)
        return len(due)

    def _act_on(self, message_ids: Sequence[str]) -> list[Record]:
        """Do what is due for some messages; returns those that a worker has to be woken for."""
        wakes: list[_Wake] = []
        polls: list[Reading] = []
        for found in _isolated(self._read, message_ids, str):
            _isolated(partial(self._sort, wakes, polls), [found], lambda one: one[0])
        changes = _isolated(self._records.change_many, wakes, lambda one: one[0].record.message_id)
        for reading in polls:  # last: a poll needs the broker, and one that is away must not hold up the wakes
            _isolated(self._poll, [reading], lambda one: one.record.message_id)
        return [change.record for change in changes if change and change.transition and change.transition.publish]

    def _read(self, message_ids: Sequence[str]) -> list[tuple[str, Reading | None]]:
        return list(zip(message_ids, self._records.read_many(message_ids), strict=True))

    def _sort(self, wakes: list[_Wake], polls: list[Reading], found: Sequence[tuple[str, Reading | None]]) -> list[None]:
        """Find out what a due time means for messages. Whatever a waiting report decides is done here."""
        for message_id, reading in found:
            if reading is None:
                self._due.forget(message_id)
            elif self._poller.concerns(reading):
                polls.append(reading)
            else:
                moved = self._woken(reading)
                gives_up = lifecycle.gives_up_on_reports(reading.record, moved)
                if moved is not None and not (gives_up and self._pending.apply(reading.record)):
                    wakes.append((reading, partial(self._woken_from, reading, moved)))
        return []

    def _woken(self, reading: Reading) -> Transition | None:
        if lifecycle.is_leased(reading.record, reading.now, self._lease):
            return None  # the attempt began after the entry was taken, and has set a time of its own
        return lifecycle.woken(reading.record, self._policy, reading.now)

    def _woken_from(self, decided_on: Reading, moved: Transition, reading: Reading) -> Transition | None:
        """The transition that is decided already; another one if the record had to be read again."""
        return moved if reading is decided_on else self._woken(reading)

    def _poll(self, readings: Sequence[Reading]) -> list[None]:
        for reading in readings:
            self._poller.look_after(reading)
        return []


def _isolated(
    act: Callable[[Sequence[_Item]], list[_Result]], items: Sequence[_Item], id_of: Callable[[_Item], str]
) -> list[_Result]:
    """Act on all items together; if that raises an unexpected exception, on each alone. One that still raises is left out."""
    try:
        return act(items)
    except (StoreUnavailable, BrokerUnavailable):
        raise
    except Exception:
        if len(items) == 1:
            log.exception("nothing done for a message that is due", message_id=id_of(items[0]))
            return []
    return [result for item in items for result in _isolated(act, [item], id_of)]

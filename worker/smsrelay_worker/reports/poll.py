"""StatusPoller: asks the vendor for the status of submits without a report, at a small rate of its own, the longest silent first.

Each query is a task of its own, and the vendor's answer is applied as if it had been reported. An answer that cannot be read
changes nothing; the message is asked about again later. Only if the policy says so (``pull_after_s``): the vendor does not
document the shape of its answer, so it is read as a callback is.
"""

from collections.abc import Callable

import structlog

from smsrelay.broker.publisher import Publisher
from smsrelay.broker.task_message import PULL, TaskMessage
from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay.receiver.callback.reading import read_callback
from smsrelay.store.records import Reading, Records
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.task_result import TaskResult
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.rate_limit.poll_rate import PollRate
from smsrelay_worker.reports.apply import Reports
from smsrelay_worker.vendors.base import Vendor

_HALTED = 60_000  # ms until the next try while everything is halted

log = structlog.get_logger()


class StatusPoller:
    """Polls the status of silent submits; safe to share between threads."""

    def __init__(
        self,
        records: Records,
        pace: PollRate,
        vendor: Vendor,
        reports: Reports,
        publisher: Publisher,
        policy: Policy,
        clock: Callable[[], int],
    ) -> None:
        self._records = records
        self._pace = pace
        self._vendor = vendor
        self._reports = reports
        self._publisher = publisher
        self._policy = policy
        self._clock = clock

    def concerns(self, reading: Reading) -> bool:
        """Whether the vendor should be asked about this message."""
        return lifecycle.silent(reading.record, self._policy, reading.now)

    def look_after(self, reading: Reading) -> None:
        """Publish a query if the message's slot has come; otherwise reserve a slot for it.

        Raises ``StoreUnavailable`` or ``BrokerUnavailable``; the message is then due again.
        """
        record = reading.record
        wait = 0 if record.due is not None and record.due <= reading.now else self._slot()
        if wait == 0:
            shown = f"{record.lane.value} {record.message_id} attempt {record.attempt}"
            self._publisher.publish(TaskMessage(PULL, STATUS_QUEUE, {"message_id": record.message_id}, shown))

        def looked_after(reading: Reading) -> Transition | None:
            if not self.concerns(reading):
                return None
            return lifecycle.to_be_asked(reading.record, self._policy, reading.now, wait)

        self._records.change(record.message_id, looked_after, reading)

    def ask(self, message_id: str) -> TaskResult:
        """Ask the vendor about one message and apply its answer; raises ``StoreUnavailable``."""
        reading = self._records.read(message_id)
        if reading is None or not self.concerns(reading) or reading.record.external_id is None:
            return TaskResult("nothing to ask", message_id)
        record = reading.record
        body = self._vendor.pull(reading.record.external_id)
        if body is None:
            return self._said(record, "asked; no answer")
        read = read_callback(body, None, self._clock(), CallbackToken(message_id, record.attempt)).reports
        if not read:
            return self._said(record, "asked; nothing can be made of the answer")
        events = [event for event in read if self._policy.for_status(event.code) is not None]
        if not events:
            return self._said(record, "asked; the answer names no status")
        return [self._reports.apply(event) for event in events][-1]

    def _slot(self) -> int:
        seconds = self._pace.reserve()
        return _HALTED if seconds is None else int(seconds * 1000)

    def _said(self, record: Record, text: str) -> TaskResult:
        log.info("silent submit asked about", message_id=record.message_id, attempt=record.attempt, outcome=text)
        return TaskResult(text, record.message_id, record.lane.value, record.attempt)

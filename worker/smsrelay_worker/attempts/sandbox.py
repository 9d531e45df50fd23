"""Sandbox: attempts test messages. Nothing of them reaches the vendor, its rate, its circuit or a halt.

Takes claimed messages that wait for an attempt. The steps:
1. begin: record the attempt with a lease (compare-and-set, as for any message);
2. put the report that the number asks for into the inbox and on the queue, as the receiver does with the vendor's;
3. record the attempt as submitted.
From there on a test message is like any other: workers apply its report by the policy, and its app hears of the outcome. If the
process is killed in between, the lease decides. Raises ``StoreUnavailable``.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay.store.inbox import Inbox
from smsrelay.store.records import Change, Decide, Reading, Records
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.sandbox import asked_code, pretended
from smsrelay_worker.messages.task_result import TaskResult
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.traces.message_traces import EndedAttempt, MessageTraces

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Safe to share between threads. ``lease``: seconds after which an attempt that was not recorded counts as abandoned.

    ``traces``: None traces nothing.
    """

    records: Records
    inbox: Inbox
    publisher: Publisher
    policy: Policy
    lease: float
    traces: MessageTraces | None = None

    def attempt(self, readings: Sequence[Reading]) -> list[TaskResult]:
        """Attempt each message; returns a result for each, in order."""
        owner, lease, since = secrets.token_urlsafe(6), int(self.lease * 1000), time.monotonic()

        def begin(reading: Reading) -> Transition | None:
            return lifecycle.begin(reading.record, reading.now, lease, owner, self.policy)

        changes = self.records.change_many([(reading, begin) for reading in readings])
        begun = [change for change in changes if change is not None and _is_ours(change.after, owner)]
        self._report(begun)
        ended = [(Reading(one.after, None, one.after.begun_at or 0), self._pretend(one.after)) for one in begun]
        ends = self.records.change_many(ended)
        if self.traces is not None:
            self.traces.attempts([_ended(one, end, since) for one, end in zip(begun, ends, strict=True)])
        results = [_result(reading, change, owner) for reading, change in zip(readings, changes, strict=True)]
        log.info("test messages attempted", messages=[str(result) for result in results])
        return results

    def _report(self, begun: Sequence[Change]) -> None:
        """Record and publish the reports. If the broker does not take them, workers find them in the inbox."""
        events = [event for one in begun for event in self._event(one)]
        if not events:
            return
        tasks = self.inbox.record(events)
        try:
            self.publisher.publish_many(tasks)
        except BrokerUnavailable as error:
            log.warning("test reports not published", reports=len(events), reason=str(error))

    def _event(self, change: Change) -> list[StatusEvent]:
        """The report on an attempt, if its number asks for one."""
        record, payload = change.after, change.reading.payload
        if payload is None:
            raise LookupError(f"message {record.message_id} waits without its payload")
        code, at = asked_code(payload.to, self.policy), record.begun_at or 0
        if code is None:
            return []
        return [StatusEvent(message_id=record.message_id, attempt=record.attempt, code=code, updated_on=at, received_at=at)]

    def _pretend(self, begun: Record) -> Decide:
        def submitted(reading: Reading) -> Transition | None:
            return pretended(reading.record, begun, self.policy, reading.now)

        return submitted


def _ended(begun: Change, end: Change | None, since: float) -> EndedAttempt:
    return EndedAttempt(begun.after, since, end.transition.state if end is not None and end.transition is not None else None)


def _is_ours(record: Record, owner: str) -> bool:
    return record.state is State.SUBMITTING and record.owner == owner


def _result(reading: Reading, change: Change | None, owner: str) -> TaskResult:
    record = reading.record if change is None else change.after
    if change is None:
        text = "no such message"
    elif _is_ours(record, owner):
        text = "test message, nothing submitted"
    else:
        text = f"test message, {record.state.value}"
    return TaskResult(text, record.message_id, record.lane.value, record.attempt)

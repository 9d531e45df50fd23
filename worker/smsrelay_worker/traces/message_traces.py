"""MessageTraces: what a worker tells of the messages that it acts on; a port, which ``message_spans`` implements.

Nothing here knows OpenTelemetry. Everything is told once it has ended, so nothing waits for it, and a worker that is killed
loses what it has not told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.store.enqueue_traces import EnqueueTraces
from smsrelay_worker.vendors.base import Answer


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """One attempt whose result is recorded. All times are monotonic seconds."""

    begun: Record  # as its begin left it
    since: float
    became: State | None  # the state into which it brought the message; None: into none
    answer: Answer | None = None  # None: of a test message
    submitted_at: float | None = None  # None: the vendor was not asked
    took: float = 0.0  # seconds until the vendor answered


@dataclass(frozen=True, slots=True)
class AppliedReport:
    """One report on a message, which was applied, or repeated an earlier one."""

    record: Record  # as it was read
    attempt: int
    code: str
    since: float  # monotonic seconds
    became: State | None


@dataclass(frozen=True, slots=True)
class EndedDelivery:
    """One try to tell an app an outcome."""

    sink: str
    message_id: str
    state: State
    traceparent: str | None
    since: float  # monotonic seconds
    failed: str | None  # why it was not taken, in words that are safe to print; None: it was


class MessageTraces(Protocol):
    """Traces messages. Safe to share between threads; never waits."""

    @property
    def enqueuing(self) -> EnqueueTraces:
        """For the messages that workers record themselves."""
        ...

    def attempts(self, ended: Sequence[EndedAttempt]) -> None:
        """Attempts have ended."""
        ...

    def reports(self, applied: Sequence[AppliedReport]) -> None:
        """Reports have been applied."""
        ...

    def deliveries(self, ended: Sequence[EndedDelivery]) -> None:
        """Deliveries of outcomes have ended."""
        ...

    def close(self) -> None:
        """Hand over what has not been exported, within a few seconds."""
        ...

"""Attempt: an attempt that was begun in the store and has no answer yet; CompletedAttempt: the same with its answer. Pure.

An attempt knows what to submit, and what the store's clock says, without reading the record again.
"""

from concurrent.futures import Future
from dataclasses import dataclass, field

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.key_ring import KeyRing
from smsrelay.messages.record import Record
from smsrelay.store.records import Payload
from smsrelay_worker.messages.task_result import TaskResult
from smsrelay_worker.rate_limit.slot import Slot
from smsrelay_worker.vendors.base import Answer, Submission


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt between its begin and its answer."""

    record: Record  # as the begin left it
    payload: Payload | None
    begun_at: int  # ms, store's clock
    requested_at: float  # monotonic seconds just before the store was asked to begin; the lease is no older
    slot: Slot
    cost: int  # of its slot
    confirmed_at: float  # monotonic seconds just after the store confirmed the begin

    def store_time(self, now: float) -> int:
        """The store's clock (ms) at a monotonic instant: never ahead, and behind by less than the begin's round trip."""
        return self.begun_at + int((now - self.confirmed_at) * 1000)

    @property
    def not_after(self) -> float:
        """The message's deadline in monotonic seconds: never late, and early by less than the begin's round trip."""
        # Minus 1: begun_at was rounded down by up to a whole ms.
        return self.requested_at + (self.record.expires_at - self.begun_at - 1) / 1000

    def submission(self, callback_keys: KeyRing, callback_base: str | None, callback_life: float) -> Submission:
        """What the vendor is given; its callback URL is valid for ``callback_life`` seconds.

        Raises ``LookupError`` for a message without its payload.
        """
        record, payload = self.record, self.payload
        if payload is None:
            raise LookupError(f"message {record.message_id} waits without its payload")
        token = CallbackToken.valid_until(record.message_id, record.attempt, self.begun_at + int(callback_life * 1000))
        path = token.path(callback_keys)
        return Submission(
            message_id=record.message_id,
            attempt=record.attempt,
            lane=record.lane,
            to=payload.to,
            template=record.template,
            params=payload.params,
            callback_url=callback_base.rstrip("/") + path if callback_base else None,
            not_after=self.not_after,
        )


@dataclass(frozen=True, slots=True)
class CompletedAttempt:
    """An attempt and its answer, to be recorded; ``recorded`` then holds the outcome."""

    attempt: Attempt
    answer: Answer
    took: float | None = None  # seconds until the vendor answered; None: it was not asked
    submitted_at: float | None = None  # monotonic seconds when it was asked
    recorded: "Future[TaskResult]" = field(default_factory=Future)

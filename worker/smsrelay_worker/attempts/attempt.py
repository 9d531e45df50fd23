"""Attempt: an attempt that is written down and not answered yet; and Ended: the same with its answer.

Pure values, and what follows from them: what to submit, and what is known of the record without reading it.
"""

from concurrent.futures import Future
from dataclasses import dataclass, field

from smsrelay.contract.callback_token import CallbackToken
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.messages.record import Record
from smsrelay_worker.rate_limit.slot import Slot
from smsrelay_worker.store.records import Payload
from smsrelay_worker.vendors.base import Answer, Submission


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt between its begin and its answer."""

    record: Record  # as the begin left it
    payload: Payload | None
    at: int  # instant of the begin on the store's clock, ms
    asked: float  # instant before the begin was asked for, on the monotonic clock: the lease is not older
    slot: Slot
    cost: int  # of its slot
    told: float  # instant after the store's word of the begin, on the monotonic clock

    def store_time(self, now: float) -> int:
        """The store's clock (ms) at an instant of the monotonic one: never ahead, behind by less than the begin's round trip."""
        return self.at + int((now - self.told) * 1000)

    @property
    def not_after(self) -> float:
        """Where the message's deadline lies on the monotonic clock: never late, early by less than the begin's round trip."""
        return self.asked + (self.record.expires_at - self.at - 1) / 1000  # a whole ms was cut from the begin's instant

    def submission(self, secret: bytes, callback_base: str | None, callback_life: float) -> Submission:
        """What the vendor is given; its callback URL is good for ``callback_life`` seconds.

        Raises ``LookupError`` for a message without its payload.
        """
        record, payload = self.record, self.payload
        if payload is None:
            raise LookupError(f"message {record.message_id} waits without its payload")
        token = CallbackToken.valid_until(record.message_id, record.attempt, self.at + int(callback_life * 1000))
        path = token.path(secret)
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
    """An attempt and what came of it, to be recorded; ``recorded`` then holds the outcome."""

    begun: Attempt
    answer: Answer
    recorded: "Future[Outcome]" = field(default_factory=Future)

"""What an app can ask about its messages, and the one thing it can change: to cancel one that was not begun."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from smsrelay.contract.lanes import Lane
from smsrelay.contract.phone_number import e164
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.state import State
from smsrelay.messages.record import Record

MOST_FOUND = 1000  # messages to one number
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """Where a message is. It holds neither number nor parameters, and its repr no reference.

    ``id``: the message's id, as ``Accepted.message_id``.
    ``app``, ``reference``, ``lane``, ``template``, ``tags``, ``campaign``: as the job gave them.
    ``state``: ``queued``, ``submitting``, ``submitted``, ``uncertain``, ``retrying``, ``delivered``, ``failed``, ``unknown``,
    ``expired`` or ``cancelled``; ``state.final`` says whether it is one of the last five. A ``failed`` or ``unknown`` message may
    still become ``delivered``, when the vendor's report is late.
    ``code``: the vendor's code that led to this state; empty when none did.
    ``attempts``: how many have begun.
    ``created_at``: when it was accepted.
    ``expires_at``: after this instant it is not submitted any more; ``None`` once it is delivered.
    ``revision``: grows with every change, so of two statuses the higher one is newer.
    ``test``: it is a test message, which never reaches the vendor.
    """

    id: str
    app: str
    reference: str | None = field(repr=False)
    lane: Lane
    template: str
    state: State
    code: str
    attempts: int
    created_at: datetime
    expires_at: datetime | None
    revision: int
    tags: Mapping[str, str] = field(default_factory=dict, repr=False)
    test: bool = False
    campaign: str | None = None

    @classmethod
    def of(cls, record: Record) -> Self:
        """The part of a record that is an app's concern."""
        return cls(
            id=record.message_id,
            app=record.app,
            reference=record.reference,
            lane=record.lane,
            template=record.template,
            state=record.state,
            code=record.timeline[-1].code,
            attempts=record.attempt,
            created_at=_instant(record.created_at),
            expires_at=_instant(record.expires_at) if record.expires_at else None,
            revision=record.revision,
            tags=record.tags,
            test=record.test,
            campaign=record.campaign,
        )


class TooLate(Exception):
    """The message cannot be cancelled any more: an attempt has begun, or it is final. ``status`` is what it is now."""

    def __init__(self, status: MessageStatus) -> None:
        self.status = status
        super().__init__(status)  # args, so that the exception pickles

    def __str__(self) -> str:
        return f"too late to cancel: the message is {self.status.state.value}"


def cancelled_status(record: Record) -> MessageStatus:
    """The status of a message after an attempt to cancel it; raises ``TooLate`` when it is not cancelled."""
    status = MessageStatus.of(record)
    if status.state is not State.CANCELLED:
        raise TooLate(status)
    return status


def number_in_e164(number: str) -> str:
    """The number that is looked for; raises ``Rejection``, which does not quote it."""
    try:
        return e164(number)
    except ValueError as error:
        reason = str(error)
    raise Rejection.of("number", reason)


def _instant(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)

"""Bodies of the API that are not the contract's own: what it answers, and the few things it takes besides a ``SendJob``.

No answer holds a phone number or a parameter. Instants are RFC 3339 in UTC.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.lookup import MOST_FOUND
from smsrelay.messages.progress import CampaignState
from smsrelay_worker.operations.status import Flow

MAX_BATCH = 500  # jobs
MOST_CAMPAIGNS = 50  # in one answer

_FIELD_CODES = (
    "missing, unknown_field, type, length, range, choice, format, taken, too_many, suppressed, country, campaign_cancelled, or"
    " invalid."
)
_Frozen = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class _Message(BaseModel):
    model_config = _Frozen

    id: str = Field(description="The message's id.")
    app: str = Field(description="The app it belongs to: the key's.")
    reference: str | None = Field(description="The app's own id of it.")
    lane: Lane
    template: str
    test: bool = Field(description="Whether it is a test message, which never reaches the vendor.")


class AcceptedMessage(_Message):
    """A job that was accepted. The same job again, with its reference, is answered with the same body."""

    warnings: tuple[str, ...] = Field(
        default=(), description="Why it would not be sent if nothing changes, such as a deadline before its send window opens."
    )


class MessageView(_Message):
    """Where a message is."""

    state: State
    code: str = Field(description="The vendor's code that led to this state; empty when none did.")
    attempts: int = Field(description="How many attempts have begun.")
    created_at: datetime
    expires_at: datetime | None = Field(description="It is not submitted after this instant; null once it is delivered.")
    revision: int = Field(description="Grows with every change: of two answers, the higher one is newer.")
    tags: Mapping[str, str]
    used_at: datetime | None = Field(description="When feedback first said that the recipient used the code.")
    campaign: str | None = Field(description="The campaign that it is part of.")


class TimelineLine(BaseModel):
    """One thing that happened to a message."""

    model_config = _Frozen

    at: datetime
    state: State = Field(description="The message's state after it.")
    attempt: int
    code: str
    rule: str = Field(description="The rule that decided; smsrelay policy explain says what it does.")
    text: str = Field(description="The same in a sentence.")


class Timeline(BaseModel):
    """What happened to a message, the oldest first, and what comes next."""

    model_config = _Frozen

    message: MessageView
    timeline: tuple[TimelineLine, ...]
    next: str | None = Field(description="What comes next, in a sentence; null for a final message.")


def _really_true(value: object) -> object:
    """Refuses 1, which a literal takes for true."""
    if value is not True:
        raise ValueError("must be true")
    return value


class Feedback(BaseModel):
    """What the app learned after the delivery."""

    model_config = _Frozen

    used: Annotated[Literal[True], BeforeValidator(_really_true)] = Field(description="The recipient used the code.")


class Recipient(BaseModel):
    """A number, in a body because a URL ends up in logs."""

    model_config = _Frozen

    to: Annotated[str, Field(max_length=64, repr=False, description="As in a job.")]


class FoundMessages(BaseModel):
    """The app's messages to a number, the newest first."""

    model_config = _Frozen

    messages: Annotated[tuple[MessageView, ...], Field(max_length=MOST_FOUND)]


class SuppressionChange(BaseModel):
    """What became of a number on the app's list."""

    model_config = _Frozen

    suppressed: bool = Field(description="Whether it is on the app's list now.")
    changed: bool = Field(description="Whether this request changed that.")


class SuppressionView(BaseModel):
    """A list that a number is on."""

    model_config = _Frozen

    list: str = Field(description="`*` for every sender, `app:NAME`, or `sig:SIGNATURE`.")
    since: datetime
    source: str = Field(description="What put it there: command, import, api, library, or status.CODE for a vendor's report.")


class FoundSuppressions(BaseModel):
    """Why a number gets no marketing from the app."""

    model_config = _Frozen

    suppressions: tuple[SuppressionView, ...]


class CampaignView(BaseModel):
    """How far a campaign is. The counts below `accepted` add up to it, but for `held`, which is a part of `waiting`."""

    model_config = _Frozen

    app: str
    name: str
    state: CampaignState
    started_at: datetime = Field(description="When its first message was accepted.")
    last_accepted_at: datetime = Field(description="When its last message was accepted.")
    accepted: int
    waiting: int = Field(description="Queued, or waiting for another attempt.")
    held: int = Field(description="Of these, those that wait until the campaign is resumed.")
    submitting: int
    submitted: int
    uncertain: int
    delivered: int
    failed: int
    expired: int
    cancelled: int
    unknown: int
    failed_by: Mapping[str, int] = Field(description="Those that failed, by the vendor's code.")
    to_cancel: bool = Field(description="Whether workers are still cancelling messages of it.")


class CampaignList(BaseModel):
    """Campaigns, the one that accepted a message last first."""

    model_config = _Frozen

    campaigns: tuple[CampaignView, ...]


class FieldProblem(BaseModel):
    """One wrong field, without its value."""

    model_config = _Frozen

    field: str
    code: str = Field(description=_FIELD_CODES)
    allowed: str = Field(description="Why it was refused, and what is allowed.")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    model_config = _Frozen

    type: str
    title: str
    status: int
    code: str
    errors: tuple[FieldProblem, ...] = ()


class Batch(BaseModel):
    """Several jobs. Each is accepted or refused on its own."""

    model_config = _Frozen

    messages: Annotated[tuple[SendJob, ...], Field(min_length=1, max_length=MAX_BATCH)]


class BatchItem(BaseModel):
    """What became of one job of a batch: the status and body that it alone would have been answered with."""

    model_config = _Frozen

    status: int
    message: AcceptedMessage | None = None
    problem: Problem | None = None
    retry_after: int | None = Field(default=None, description="Seconds, as Retry-After of the job alone would say.")


class BatchResult(BaseModel):
    """One result for each job, in their order."""

    model_config = _Frozen

    results: tuple[BatchItem, ...]


class RelayStatus(BaseModel):
    """Whether messages leave, and how many wait."""

    model_config = _Frozen

    state: Flow
    since: datetime | None = Field(description="Since when nothing is submitted; null while submitting.")
    workers: int = Field(description="Worker processes alive.")
    waiting: Mapping[Lane, int] = Field(description="Messages that wait for a worker, in each lane.")

"""Operations: what the API offers, as a table. Routing, the OpenAPI document and the tables of docs/api.md are made from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from smsrelay.contract.job import SendJob
from smsrelay_worker.api import models
from smsrelay_worker.api.problem_code import ProblemCode as Code
from smsrelay_worker.store.api.api_key import Scope

# INVALID: two headers of one name that differ, such as Authorization
_EVERY = (Code.NO_KEY, Code.WRONG_KEY, Code.MISSING_SCOPE, Code.INVALID, Code.INTERNAL, Code.UNAVAILABLE)
_BODY = (Code.TOO_LARGE, Code.NOT_JSON, Code.COMPRESSED, Code.CUT_OFF, Code.MALFORMED)
_JOB = (Code.OTHER_APP, Code.LANE_NOT_ALLOWED, Code.NUMBER_NOT_ALLOWED)
_QUOTA = (Code.QUOTA_MINUTE, Code.QUOTA_DAY)
_LIMITS = (Code.SUPPRESSED, Code.COUNTRY, Code.CAMPAIGN_CANCELLED, Code.TOO_MANY)
_LOCATION = {"Location": "Path of the message."}
_REPLAYED = {"Idempotent-Replayed": "true"}
_NEXT = ("show", "timeline", "cancel", "feedback")
_REFERENCE = {
    "name": "reference",
    "in": "query",
    "required": True,
    "description": "The app's own id of the message.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
}
_PAGE = (
    {
        "name": "limit",
        "in": "query",
        "required": False,
        "description": f"How many; {models.MOST_CAMPAIGNS} without.",
        "schema": {"type": "integer", "minimum": 1, "maximum": models.MOST_CAMPAIGNS},
    },
    {
        "name": "skip",
        "in": "query",
        "required": False,
        "description": "After how many.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 1_000_000_000},
    },
)
_CONTROL = (Code.NOT_FOUND, Code.LIVE_KEY_NEEDED, Code.ALREADY_CANCELLED)
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Another name of the job's reference.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
}


@dataclass(frozen=True, slots=True)
class Success:
    """One way in which a request succeeds; ``headers``: name and meaning."""

    status: int
    model: type[BaseModel]
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    leads_to: tuple[str, ...] = ()  # operations that take the id in its body


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. ``{id}`` in a path stands for a message's id, ``{name}`` for a campaign's name."""

    name: str
    method: str
    path: str
    scope: Scope
    text: str
    successes: tuple[Success, ...]
    problems: tuple[Code, ...]
    body: type[BaseModel] | None = None
    parameters: tuple[Mapping[str, Any], ...] = ()

    @property
    def codes(self) -> tuple[Code, ...]:
        """Every code with which it can be refused, in the order of their table."""
        wanted = {*_EVERY, *self.problems}
        return tuple(code for code in Code if code in wanted)


_SHOWN = Success(200, models.MessageView, "The message.")

OPERATIONS = (
    Operation(
        name="send",
        method="POST",
        path="/v1/messages",
        scope=Scope.SEND,
        text="Send one SMS.",
        body=SendJob,
        parameters=(_IDEMPOTENCY_KEY,),
        successes=(
            Success(
                202, models.AcceptedMessage, "Accepted: recorded, and sure to reach exactly one final state.", _LOCATION, _NEXT
            ),
            Success(200, models.AcceptedMessage, "The same reference was accepted before.", {**_LOCATION, **_REPLAYED}, _NEXT),
        ),
        problems=(*_BODY, *_JOB, *_QUOTA, *_LIMITS, Code.REFERENCE_TAKEN),
    ),
    Operation(
        name="send_batch",
        method="POST",
        path="/v1/messages/batch",
        scope=Scope.SEND,
        text=f"Send up to {models.MAX_BATCH} SMS. Each is accepted or refused on its own; the results keep the order.",
        body=models.Batch,
        successes=(Success(200, models.BatchResult, "One result for each job."),),
        problems=(*_BODY, *_QUOTA),
    ),
    Operation(
        name="find",
        method="GET",
        path="/v1/messages",
        scope=Scope.READ,
        text="Where a message is, by the app's own reference.",
        parameters=(_REFERENCE,),
        successes=(_SHOWN,),
        problems=(Code.NOT_FOUND,),
    ),
    Operation(
        name="find_number",
        method="POST",
        path="/v1/messages/find",
        scope=Scope.READ,
        text="The app's messages to one number, the newest first, at most 1000.",
        body=models.Recipient,
        successes=(Success(200, models.FoundMessages, "The messages; none is no mistake."),),
        problems=_BODY,
    ),
    Operation(
        name="show",
        method="GET",
        path="/v1/messages/{id}",
        scope=Scope.READ,
        text="Where a message is.",
        successes=(_SHOWN,),
        problems=(Code.NOT_FOUND,),
    ),
    Operation(
        name="timeline",
        method="GET",
        path="/v1/messages/{id}/timeline",
        scope=Scope.READ,
        text="What happened to a message, and why.",
        successes=(Success(200, models.Timeline, "The message and its timeline."),),
        problems=(Code.NOT_FOUND,),
    ),
    Operation(
        name="cancel",
        method="DELETE",
        path="/v1/messages/{id}",
        scope=Scope.CANCEL,
        text="Cancel a message whose first attempt has not begun. To cancel it again is harmless.",
        successes=(Success(200, models.MessageView, "The message, cancelled."),),
        problems=(Code.NOT_FOUND, Code.TOO_LATE),
    ),
    Operation(
        name="feedback",
        method="POST",
        path="/v1/messages/{id}/feedback",
        scope=Scope.SEND,
        text="Say that the recipient used the code. The first time counts.",
        body=models.Feedback,
        successes=(_SHOWN,),
        problems=(*_BODY, Code.NOT_FOUND),
    ),
    Operation(
        name="suppress",
        method="POST",
        path="/v1/suppressions",
        scope=Scope.SUPPRESSIONS,
        text="Send a number no more of the app's marketing. To ask for it again is harmless.",
        body=models.Recipient,
        successes=(Success(200, models.SuppressionChange, "The number is on the app's list."),),
        problems=(*_BODY, Code.LIVE_KEY_NEEDED),
    ),
    Operation(
        name="unsuppress",
        method="POST",
        path="/v1/suppressions/remove",
        scope=Scope.SUPPRESSIONS,
        text="Take a number off the app's list.",
        body=models.Recipient,
        successes=(Success(200, models.SuppressionChange, "The number is not on the app's list."),),
        problems=(*_BODY, Code.LIVE_KEY_NEEDED),
    ),
    Operation(
        name="find_suppressions",
        method="POST",
        path="/v1/suppressions/find",
        scope=Scope.SUPPRESSIONS,
        text="Why a number gets no marketing from the app.",
        body=models.Recipient,
        successes=(Success(200, models.FoundSuppressions, "The lists that it is on; none: marketing reaches it."),),
        problems=_BODY,
    ),
    Operation(
        name="campaigns",
        method="GET",
        path="/v1/campaigns",
        scope=Scope.CAMPAIGNS,
        text="The app's campaigns and how far each is, the one that accepted a message last first.",
        parameters=_PAGE,
        successes=(Success(200, models.CampaignList, "The campaigns."),),
        problems=(),
    ),
    Operation(
        name="show_campaign",
        method="GET",
        path="/v1/campaigns/{name}",
        scope=Scope.CAMPAIGNS,
        text="How far a campaign is.",
        successes=(Success(200, models.CampaignView, "The campaign."),),
        problems=(Code.NOT_FOUND,),
    ),
    Operation(
        name="pause_campaign",
        method="POST",
        path="/v1/campaigns/{name}/pause",
        scope=Scope.CAMPAIGNS,
        text="Begin no further attempt of a campaign; what was begun goes on. To pause it again is harmless.",
        successes=(Success(200, models.CampaignView, "The campaign, paused."),),
        problems=_CONTROL,
    ),
    Operation(
        name="resume_campaign",
        method="POST",
        path="/v1/campaigns/{name}/resume",
        scope=Scope.CAMPAIGNS,
        text="End a pause: what waited is submitted at the rate. To resume it again is harmless.",
        successes=(Success(200, models.CampaignView, "The campaign, resumed."),),
        problems=_CONTROL,
    ),
    Operation(
        name="cancel_campaign",
        method="POST",
        path="/v1/campaigns/{name}/cancel",
        scope=Scope.CAMPAIGNS,
        text="Cancel all messages of a campaign that are not begun, and accept no more. To cancel it again is harmless.",
        successes=(Success(200, models.CampaignView, "The campaign, cancelled; workers cancel what waits within minutes."),),
        problems=(Code.NOT_FOUND, Code.LIVE_KEY_NEEDED),
    ),
    Operation(
        name="status",
        method="GET",
        path="/v1/status",
        scope=Scope.READ,
        text="Whether messages leave, and how many wait.",
        successes=(Success(200, models.RelayStatus, "The relay's status."),),
        problems=(),
    ),
)

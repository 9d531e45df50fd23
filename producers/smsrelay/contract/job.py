"""SendJob: one SMS that an app wants sent. Strict and versioned: a job is taken whole or refused whole.

It is made from fields in Python, or from JSON in any language. Wrong input raises ``Rejection``, which names field, reason and
what is allowed, and never the value: it may be a phone number or a code.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from smsrelay.contract.absent import allow_absent, without_absent
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import Message, fresh_id, referenced_id
from smsrelay.contract.parameter import LOST, PATTERN, fault, placed
from smsrelay.contract.phone_number import e164
from smsrelay.contract.rejection import Problem, Rejection
from smsrelay.contract.tags import TagsField, no_tags
from smsrelay.contract.template import Registry, sent_params
from smsrelay.contract.version import Version

DEFAULT_APP = "default"  # of a job that names none; its record leaves the field out
APP_NAME = r"^[A-Za-z0-9_.\-]{1,64}$"
CAMPAIGN_NAME = r"^[A-Za-z0-9_.\-一-鿿]{1,64}$"  # people name campaigns, in Chinese too

MAX_LIFETIME = 7 * 24 * 3600  # seconds; an SMS that is older is of no use to anybody
TEMPLATE_ID = r"^[A-Za-z0-9_\-]{1,32}$"
_CONTAINERS = frozenset({"params", "tags"})  # empty ones are absent, as a list and as an object
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _no_bare_number(instant: object) -> object:
    """Accepts a ``datetime`` or RFC 3339 text; a number may mean seconds, milliseconds, or a year."""
    if not isinstance(instant, datetime) and not (isinstance(instant, str) and _RFC3339.match(instant)):
        raise ValueError("must be an instant with a zone, like 2026-11-22T09:00:00+08:00")
    return instant


def _carriable(value: str) -> str:
    """Refuses a value that no template can carry, or that arrives different from how it reads here."""
    reason = fault(value)
    if reason is not None:
        raise ValueError(reason)
    return value


def _describe(schema: dict[str, Any]) -> None:
    """Of the JSON Schema: a description for all languages, and what validators check here."""
    schema["description"] = "One SMS an app wants sent."
    schema["not"] = {
        "required": ["expires_at", "expires_in"],
        "properties": {"expires_at": {"type": "string"}, "expires_in": {"type": "integer"}},
    }
    allow_absent(schema, _CONTAINERS)


Parameter = Annotated[
    str, Field(min_length=1, max_length=500, json_schema_extra={"pattern": PATTERN}), AfterValidator(_carriable)
]
Instant = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_no_bare_number)]


class SendJob(BaseModel, strict=True, frozen=True, extra="forbid", hide_input_in_errors=True, json_schema_extra=_describe):
    """One SMS an app wants sent. Making it checks every field and raises ``Rejection``, which lists all that is wrong.

    Required:

    - ``to``: the recipient's number, text in E.164 (``"+447400123456"``); a mainland number also without +86
      (``"13912345678"``). At most 32 characters.
    - ``template``: the vendor's id of the approved template, text and not a number, as leading zeros matter (``"0000000"``). 1 to
      32 letters, digits, ``_`` or ``-``.

    Optional:

    - ``params``: a list or tuple of texts, the values of the template's placeholders {0}, {1}, … in their order. At most 20 of 1
      to 500 characters, without [ ] 【 】, control or invisible characters, or blanks at the ends. A , or ' is accepted only for
      a template that is registered with ``full_width = true``, which sends it as ， or ＇. Default: none.
    - ``lane``: the urgency, ``"otp"``, ``"notice"`` or ``"marketing"``, or a ``Lane``: a login code passes every notice and
      campaign. Required unless a registered template has a lane; then it is that one. Default: ``None``, the template's lane.
    - ``reference``: the app's own id of this SMS, text of 1 to 128 printable characters, and not a phone number. The same
      reference again, with the same content, is the same message and is sent once; with other content it is refused. Each ``app``
      has its own references. Default: ``None``, every call sends a new SMS.
    - ``app``: the name of the sending app, 1 to 64 letters, digits, ``_``, ``-`` or ``.``. Default: ``"default"``.
    - ``expires_in``: seconds from now after which the SMS is not submitted any more, 1 to 604800 (7 days). Not together with
      ``expires_at``. Default: ``None``, 5 minutes for ``otp`` and a day for other lanes, counted from ``not_before`` if given.
    - ``expires_at``: the same as an instant, a ``datetime`` with a zone or RFC 3339 text; in the future, and at most 7 days after
      now or ``not_before``. Default: ``None``, see ``expires_in``.
    - ``not_before``: the SMS is not submitted before this instant, a ``datetime`` with a zone or RFC 3339 text; at most 30 days
      ahead, and before the SMS expires. Default: ``None``, submitted at once.
    - ``tags``: a mapping of up to 5 short texts that come back in lookups and outcomes, such as ``{"order": "4711"}``. Keys are 1
      to 20 letters, digits, ``_``, ``-`` or ``.``; values 1 to 40 printable characters, and not a phone number. They are not part
      of the content that a ``reference`` stands for: the first job's tags count. Default: none.
    - ``campaign``: the name of the campaign it is part of, 1 to 64 letters (also Chinese), digits, ``_``, ``-`` or ``.``: it can
      be watched, paused, resumed and cancelled as a whole. Each ``app`` has its own campaigns. Default: ``None``.
    - ``ignore_send_window``: ``True`` has it submitted at any hour, whatever the send windows say. Default: ``False``.
    - ``v``: the version of this contract. Default: ``1``, the only one.

    What only the templates or the clock can tell (the lane, the number of parameters, a comma in one, a deadline that has passed)
    is checked when the job is enqueued, and raises ``Rejection`` there. A job is immutable; its repr shows neither number,
    parameters nor reference.
    """

    if TYPE_CHECKING:  # what the constructor accepts is wider than what the fields hold

        def __init__(  # noqa: PLR0913 - the contract has as many fields
            self,
            *,
            to: str,
            template: str,
            params: list[str] | tuple[str, ...] = (),
            lane: Lane | Literal["otp", "notice", "marketing"] | None = None,
            app: str = DEFAULT_APP,
            reference: str | None = None,
            expires_at: datetime | str | None = None,
            expires_in: int | None = None,
            not_before: datetime | str | None = None,
            tags: Mapping[str, str] = ...,
            campaign: str | None = None,
            ignore_send_window: bool = False,
            v: Literal[1] = 1,
        ) -> None: ...

    v: Version = Field(default=1, description="Version of this contract.")
    to: str = Field(max_length=32, repr=False, description="E.164; a mainland number also without +86.")
    template: str = Field(pattern=TEMPLATE_ID, description="A string: leading zeros matter.")
    params: tuple[Parameter, ...] = Field(
        default=(),
        max_length=20,
        repr=False,
        strict=False,
        description="Values for {0}, {1}, …; without [ ] 【 】, control or invisible characters, or blanks at the ends."
        " A , or ' only if the template is registered with full_width = true.",
    )
    lane: Lane | None = Field(default=None, strict=False, description="Optional when the registered template has one.")
    app: str = Field(default=DEFAULT_APP, pattern=APP_NAME, description="Who is sending.")
    reference: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        repr=False,
        description="The app's own id of this SMS: the same one again never sends twice.",
    )
    expires_at: Instant | None = Field(default=None, description="Not submitted after this instant.")
    expires_in: int | None = Field(default=None, ge=1, le=MAX_LIFETIME, description="The same, in seconds from now.")
    not_before: Instant | None = Field(default=None, description="Not submitted before this instant.")
    tags: TagsField = Field(
        default_factory=no_tags, repr=False, description="Short pairs that come back in lookups and outcomes."
    )
    campaign: str | None = Field(default=None, pattern=CAMPAIGN_NAME, description="The campaign it is part of.")
    ignore_send_window: bool = Field(default=False, description="Submitted at any hour, whatever the send windows say.")

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_in_our_words(cls, fields: Any, validated: ModelWrapValidatorHandler[Self]) -> Self:
        """Makes every way of making a job raise ``Rejection``."""
        try:
            return validated(fields)
        except ValidationError as error:
            rejection = Rejection.from_validation(error)
        raise rejection  # outside the handler, or it would carry an exception that holds the input

    @classmethod
    def decode(cls, wire: object) -> Self:
        """Read a job off the wire; raises ``Rejection`` naming each wrong field.

        Wider than the constructor: an optional field may be ``null``, and empty params or tags ``[]`` or ``{}``.
        """
        return cls.model_validate(without_absent(wire, _OPTIONAL, _CONTAINERS))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with changed fields, which are checked as in a new job; pydantic's own method would not check them."""
        return type(self).model_validate(dict(self) | dict(update)) if update else super().model_copy(deep=deep)

    def encode(self) -> dict[str, Any]:
        """The job as plain JSON values, absent fields left out."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"v": self.v}

    @field_validator("to")
    @classmethod
    def _to_e164(cls, to: str) -> str:
        return e164(to)

    @field_validator("reference")
    @classmethod
    def _reference_is_text(cls, reference: str | None) -> str | None:
        if reference is None or (reference.isprintable() and LOST not in reference):
            return reference
        place = next(place for place, one in enumerate(reference) if not one.isprintable() or one == LOST)
        raise ValueError(f"must be printable text, and holds {placed(reference, place)}")

    @field_validator("expires_in")
    @classmethod
    def _one_deadline(cls, expires_in: int | None, earlier: ValidationInfo) -> int | None:
        if expires_in is not None and earlier.data.get("expires_at") is not None:
            raise ValueError("expires_at and expires_in exclude each other")
        return expires_in

    def accept(self, now: int, registry: Registry, random_bits: Callable[[], int], *, test: bool = False) -> Message:
        """The message this job becomes at ``now`` (ms); raises ``Rejection`` for what only the registry or the clock can tell.

        A ``test`` message never reaches the vendor. Its id never is that of a live message with the same app and reference.
        """
        lane, problems = self._lane(registry)
        not_before = _epoch_ms(self.not_before)
        expires_at = self._expiry(now, not_before, lane)
        template = registry.get(self.template)
        params, uncarried = sent_params(self.params, template)
        problems += uncarried
        problems += [] if template is None else [problem for problem in [template.check(params)] if problem]
        problems += _deadline_problems(now, not_before, expires_at)
        if problems or lane is None:
            raise Rejection(problems)
        known = self.reference is not None
        message_id = referenced_id(self.app, self.reference or "", test=test) if known else fresh_id(now, random_bits())
        return Message(
            message_id=message_id,
            lane=lane,
            to=self.to,
            template=self.template,
            params=params,
            app=self.app,
            reference=self.reference,
            expires_at=expires_at,
            not_before=not_before,
            tags=self.tags.pairs,
            test=test,
            campaign=self.campaign,
            ignores_window=self.ignore_send_window,
            signature=template.signature if template else None,
        )

    def _lane(self, registry: Registry) -> tuple[Lane | None, list[Problem]]:
        template = registry.get(self.template)
        registered = template.lane if template else None
        if self.lane is None and registered is None:
            allowed = ", ".join(Lane)
            return None, [Problem("lane", f"missing, and no registered template names one; allowed: {allowed}")]
        if self.lane is not None and registered is not None and self.lane is not registered:
            return self.lane, [Problem("lane", f"template {self.template} is registered for {registered.value}")]
        return self.lane or registered, []

    def _expiry(self, now: int, not_before: int | None, lane: Lane | None) -> int:
        if self.expires_at is not None:
            return _epoch_ms(self.expires_at) or 0
        if self.expires_in is not None:
            return now + self.expires_in * 1000
        return max(now, not_before or 0) + (lane or Lane.OTP).default_lifetime * 1000


_OPTIONAL = frozenset(name for name, field in SendJob.model_fields.items() if not field.is_required())


def _epoch_ms(instant: datetime | None) -> int | None:
    return None if instant is None else (instant - _EPOCH) // timedelta(milliseconds=1)


def _deadline_problems(now: int, not_before: int | None, expires_at: int) -> list[Problem]:
    problems = []
    if expires_at <= now:
        problems.append(Problem("expires_at", "is past"))
    if expires_at > max(now, not_before or 0) + MAX_LIFETIME * 1000:
        problems.append(Problem("expires_at", f"at most {MAX_LIFETIME // 86400} days ahead are allowed"))
    if not_before is not None and not_before > now + 30 * 86400 * 1000:
        problems.append(Problem("not_before", "at most 30 days ahead are allowed"))
    if not_before is not None and not_before >= expires_at:
        problems.append(Problem("not_before", "is not before the message expires"))
    return problems

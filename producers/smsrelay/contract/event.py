"""StatusEvent: one delivery report about one attempt, as it travels on the queue ``sms.status``.

A strict, versioned value without any personal field; an invalid one raises ``Rejection``. The lenient parsing of what the vendor
sends happens in ``receiver.callback.reading``, never here.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from smsrelay.contract.rejection import Rejection
from smsrelay.contract.version import Version

Code = Annotated[str, Field(min_length=1, max_length=24, pattern=r"^[A-Za-z0-9_.\-]+$")]
Identifier = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]


class StatusEvent(BaseModel):
    """What the vendor reported. Instants are in milliseconds since the Unix epoch, UTC."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    v: Version = 1
    message_id: Identifier | None = Field(default=None, description="Our message id, from the callback path.")
    attempt: Annotated[int, Field(ge=1, le=999_999)] | None = Field(default=None, description="From the callback path.")
    external_id: Identifier | None = Field(default=None, description="The vendor's id of the submit.")
    reference_id: Identifier | None = Field(default=None, description="The vendor's id of the report; stored, not used.")
    code: Code = Field(description="Status code as received: an opaque string.")
    updated_on: int | None = Field(default=None, ge=0, description="When the vendor says the status changed.")
    received_at: int = Field(ge=0, description="When the receiver got it.")
    extra: dict[str, str] = Field(default_factory=dict, max_length=8, description="Unknown fields, none of them personal.")

    @model_validator(mode="after")
    def _identifies_an_attempt(self) -> Self:
        if (self.message_id is None) != (self.attempt is None):
            raise ValueError("message_id and attempt come together or not at all")
        if self.message_id is None and self.external_id is None:
            raise ValueError("needs message_id and attempt, or external_id")
        return self

    def encode(self) -> dict[str, Any]:
        """The event as plain JSON values, without absent fields."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"v": self.v}

    def encode_text(self) -> str:
        """The same as JSON text, much faster: the receiver's hot path."""
        return self.model_dump_json(exclude_none=True, exclude=None if self.extra else {"extra"})

    @classmethod
    def decode(cls, wire: object) -> "StatusEvent":
        """Read an event off the queue; raises ``Rejection`` naming each wrong field."""
        try:
            return cls.model_validate(wire)
        except ValidationError as error:
            raise Rejection.from_validation(error) from None

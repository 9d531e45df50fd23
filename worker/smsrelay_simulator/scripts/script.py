"""A script: what the simulator does on the first, second, … submit to a recipient. The last step repeats.

Read from JSON (the table is in README.md). An invalid script raises pydantic's ``ValidationError``, which names the field.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from smsrelay_simulator.outcome import ACCEPTED, REFUSED, RESET, UNCERTAIN, outcome_of_status
from smsrelay_simulator.scripts.gateway_errors import GATEWAY_ERRORS, GatewayError
from smsrelay_simulator.scripts.shorthand import ANSWERS, step_fields

Shape = Literal["guide", "priced", "misprint", "list", "enveloped"]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
_HeaderText = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$")]

_TIMEOUT = 60.0  # seconds; longer than any read timeout of a public client (20 s)
_UNKNOWN_OUTCOME = {"9999", "1999"}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Report(_Strict):
    """One status report. ``after`` counts from acceptance; None: the n-th report comes n report delays later."""

    code: int | str
    after: Seconds | None = None
    shape: Shape | None = None
    updated_on: int | str | None = None  # epoch ms or RFC 3339, sent as given
    age: Seconds = 0.0  # seconds that ``updated_on`` is in the past, unless it is given
    repeat: Annotated[int, Field(ge=1, le=1000)] = 1  # how often the same body is sent
    before_answer: bool = False  # sent, and answered, before the submit is
    forged: bool = False  # to the callback URL with a wrong token


class Step(_Strict):
    """What happens on one submit."""

    answer: str = "accept"
    code: str | None = None  # vendor code, or the gateway's error code
    message: str | None = None  # msg of a vendor code
    http: Annotated[int, Field(ge=200, le=599)] | None = None
    headers: dict[_HeaderText, _HeaderText] = {}
    body: str | None = None
    delay: Seconds | None = None  # before answering
    reports: tuple[Report, ...] | None = None  # None: one 200 when the submit is accepted; empty: never

    @model_validator(mode="before")
    @classmethod
    def _from_notation(cls, given: Any) -> Any:
        return step_fields(given) if isinstance(given, str) else given

    @field_validator("answer")
    @classmethod
    def _known(cls, answer: str) -> str:
        if answer not in ANSWERS and answer not in GATEWAY_ERRORS:
            raise ValueError(f"{answer!r} is neither one of {', '.join(ANSWERS)} nor a gateway error")
        return answer

    @model_validator(mode="after")
    def _complete(self) -> "Step":
        if self.answer == "vendor_code" and not self.code:
            raise ValueError("answer 'vendor_code' needs a code, for example i005")
        if self.answer == "http" and self.http is None:
            raise ValueError("answer 'http' needs the field http, for example 429")
        if self.answer == "gateway" and self.http is None and self.code not in GATEWAY_ERRORS:
            raise ValueError("answer 'gateway' needs the field http, or a code that is a gateway error's name")
        return self

    @property
    def gateway_error(self) -> GatewayError | None:
        """The named gateway error this step answers, if any."""
        return GATEWAY_ERRORS.get(self.code or "") if self.answer == "gateway" else GATEWAY_ERRORS.get(self.answer)

    @property
    def outcome(self) -> str:
        """``accepted`` if the vendor sends the SMS (reports say that it did), else the class of the answer."""
        if self.reports:
            return ACCEPTED
        if self.answer == "reset_before":
            return RESET
        if self.answer == "vendor_code":
            return UNCERTAIN if self.code in _UNKNOWN_OUTCOME else ACCEPTED if self.code == "0000" else REFUSED
        if self.gateway_error is not None:
            return self.gateway_error.outcome
        return outcome_of_status(self.http or 200, self.code or "")

    @property
    def wait(self) -> float:
        """Seconds before answering."""
        if self.delay is None:
            return _TIMEOUT if self.answer == "timeout_after" else 0.0
        return self.delay

    @property
    def played_reports(self) -> tuple[Report, ...]:
        """The reports that follow. An accepted submit for which the script names none is reported as delivered."""
        if self.reports is None:
            return (DELIVERED,) if self.outcome == ACCEPTED else ()
        return self.reports


class Script(_Strict):
    """One step a submit, in order."""

    submits: Annotated[tuple[Step, ...], Field(min_length=1)]

    def step(self, played: int) -> Step:
        """The step of the submit after ``played`` others."""
        return self.submits[min(played, len(self.submits) - 1)]


DELIVERED = Report(code=200)

"""Template registry: the texts that the carrier approved, from an optional TOML file.

A ``Template`` previews the SMS, counts its segments and checks parameters. Without a registry only the vendor knows the texts. An
invalid file raises ``Rejection`` with every problem.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from smsrelay.contract.lanes import Lane
from smsrelay.contract.parameter import delimiter_fault, full_width
from smsrelay.contract.rejection import Problem, Rejection

PENDING_SIGNATURE = "【PIN】"  # the vendor's own; it ends the SMS until the carrier has approved the template
MAX_UNITS = 500  # [V: Aliyun, Huawei]
_SINGLE = 70
_PART = 67
_PLACEHOLDER = re.compile(r"\{([0-9]|[1-9][0-9])\}")


class Approval(StrEnum):
    """Whether the carrier has approved template and signature, which takes about two days."""

    APPROVED = "approved"
    PENDING = "pending"


class Template(BaseModel):
    """One text with placeholders ``{0}`` ``{1}`` … and the signature it is sent under.

    ``full_width``: a comma or a quote in a parameter, which the vendor cannot carry, is sent in its full-width form.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{1,32}$", strict=True)]
    body: Annotated[str, Field(min_length=1, max_length=MAX_UNITS)]
    signature: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[^【】\r\n]+$")]
    status: Approval
    lane: Lane | None = None
    full_width: Annotated[bool, Field(strict=True)] = False

    @field_validator("body")
    @classmethod
    def _placeholders_are_consecutive(cls, body: str) -> str:
        found = {int(number) for number in _PLACEHOLDER.findall(body)}
        if found != set(range(len(found))) or re.search(r"[{}]", _PLACEHOLDER.sub("", body)):
            raise ValueError("placeholders must be {0}, {1}, … without a gap, and the text may have no other { or }")
        return body

    @model_validator(mode="after")
    def _body_has_no_signature(self) -> Self:
        if "【" in self.body or "】" in self.body:
            raise ValueError("body must not contain 【 or 】: the signature is a separate key")
        return self

    @property
    def parameter_count(self) -> int:
        """How many parameters a job must have."""
        return len(set(_PLACEHOLDER.findall(self.body)))

    def sent(self, params: Sequence[str]) -> tuple[str, ...]:
        """The parameters as they are sent: with ``full_width``, without commas and quotes."""
        return tuple(map(full_width, params)) if self.full_width else tuple(params)

    def preview(self, params: Sequence[str]) -> str:
        """The SMS as the phone shows it, signature included."""
        values = self.sent(params)
        text = _PLACEHOLDER.sub(lambda match: values[int(match.group(1))], self.body)
        if self.status is Approval.PENDING:
            return text + PENDING_SIGNATURE
        return f"【{self.signature}】{text}"

    def check(self, params: Sequence[str]) -> Problem | None:
        """Why these parameters do not fit this template; ``None`` when they do."""
        if len(params) != self.parameter_count:
            reason = f"{len(params)} given, template {self.id} takes {self.parameter_count}"
            return Problem("params", reason)
        units = utf16_units(self.preview(params))
        if units > MAX_UNITS:
            return Problem("params", f"the text would be {units} UTF-16 units long, at most {MAX_UNITS} are allowed")
        return None


Registry = Mapping[str, Template]


def sent_params(params: tuple[str, ...], template: Template | None) -> tuple[tuple[str, ...], list[Problem]]:
    """The parameters as they are sent, and which of them the vendor's list could not carry. ``template``: if it is registered."""
    sent = params if template is None else template.sent(params)
    faults = [(number, delimiter_fault(value)) for number, value in enumerate(sent)]
    return sent, [Problem(f"params.{number}", reason) for number, reason in faults if reason is not None]


def utf16_units(text: str) -> int:
    """Length as the carriers count it: a character outside the BMP, such as an emoji, counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def segments(text: str) -> int:
    """How many SMS the carrier bills: one up to 70 units, otherwise one for each 67 [V: Aliyun, Huawei]."""
    units = utf16_units(text)
    return 1 if units <= _SINGLE else -(-units // _PART)


def load_registry(path: Path | None) -> Registry:
    """The templates in a file, by id; empty without a file. Raises ``Rejection`` or ``OSError``."""
    if path is None:
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Rejection.of(str(path), f"not a TOML file: {error}") from None
    return _registry(document)


def _registry(document: Mapping[str, object]) -> Registry:
    rows = document.get("template")
    if not isinstance(rows, list) or set(document) != {"template"}:
        raise Rejection.of("template", "the file must contain [[template]] tables and nothing else")
    registry: dict[str, Template] = {}
    problems: list[Problem] = []
    for number, row in enumerate(rows):
        try:
            template = Template.model_validate(row)
        except ValidationError as error:
            found = Rejection.from_validation(error).problems
            problems += [Problem(f"template[{number}].{problem.field}", problem.reason) for problem in found]
            continue
        if template.id in registry:
            problems.append(Problem(f"template[{number}].id", f"{template.id} appears twice"))
        registry[template.id] = template
    if problems:
        raise Rejection(problems)
    return registry

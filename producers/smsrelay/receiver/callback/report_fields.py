"""Builds a ``StatusEvent`` from the fields of one report; pure.

The vendor spells field names in several ways (``external_id``, ``extenal_id``, ``updated on``), so names are compared by their
letters and digits only. Only the code is required. Any other field that is missing or invalid becomes ``None`` or is dropped: an
incomplete report is better than a lost one.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.receiver.callback.scalar import may_hold_number, scalar_text
from smsrelay.receiver.callback.timestamp import read_timestamp

ReportFields = Mapping[str, tuple[str, object]]  # normalised name → (name as sent, value)

LONGEST_NAME = 64  # characters; fields with longer names are ignored
_NAMES_CACHED = 1024  # a vendor uses a dozen; bounded, because anybody can send others

CODE = ("code", "statuscode")
EXTERNAL_ID = ("externalid", "extenalid")  # the vendor uses both spellings
REFERENCE_ID = ("referenceid",)
_UPDATED_ON = ("updatedon", "statusupdatedon")
_DESCRIPTION = ("description", "statusdescription")
_KNOWN = frozenset((*CODE, *_UPDATED_ON, *EXTERNAL_ID, *REFERENCE_ID, *_DESCRIPTION))

_RECIPIENT = re.compile(r"mobile|phone|msisdn|recipient")
_PERSONAL = re.compile(r"mobile|phone|msisdn|recipient|param|^(to|tel|content|text|message|body|msg)$")
_EXTRA_NAME = re.compile(r"(?!__)[A-Za-z0-9_.\-]{1,32}")  # kombu treats __type__ and __value__ as its own
_EXTRA_LIMIT = 8
_EXTRA_LENGTH = 64

_CODE_TEXT = re.compile(r"([0-9]{1,24})\.0+|([A-Za-z0-9_.\-]{1,24})")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


class CallbackUnreadable(ValueError):
    """A report that cannot be parsed. The text is constant and quotes nothing of it."""


def report_event(fields: ReportFields, received_at: int, token: CallbackToken | None) -> StatusEvent:
    """The event for a report received at ``received_at`` (epoch ms) on the path of ``token``; raises ``CallbackUnreadable``."""
    code = read_code(fields)
    if code is None:
        raise CallbackUnreadable("no readable status code")
    external_id = identifier(fields, EXTERNAL_ID)
    if token is None and external_id is None:
        raise CallbackUnreadable("does not say which attempt it is about")
    return StatusEvent(
        message_id=token.message_id if token else None,
        attempt=token.attempt if token else None,
        external_id=external_id,
        reference_id=identifier(fields, REFERENCE_ID),
        code=code,
        updated_on=read_timestamp(_first(fields, _UPDATED_ON)),
        received_at=received_at,
        extra=dict(islice(_extra(fields), _EXTRA_LIMIT)),
    )


@lru_cache(_NAMES_CACHED)
def normalised_name(name: str) -> str:
    """The form in which field names are compared: lower-case letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def has_code(fields: ReportFields) -> bool:
    """Whether there is a field for the code, valid or not."""
    return CODE[0] in fields or CODE[1] in fields


def read_code(fields: ReportFields) -> str | None:
    """The code as text: 200, "200 " and 200.0 are the same. Codes are logged, so one that may be a phone number is refused."""
    value = _first(fields, CODE)
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        return None
    if isinstance(value, int) and 0 <= value <= 999_999:
        return str(value)  # fast path: almost every report
    found = _CODE_TEXT.fullmatch(scalar_text(value) or "")
    code = found and (found[1] or found[2])
    return code if code and not may_hold_number(code) else None


def identifier(fields: ReportFields, names: tuple[str, ...]) -> str | None:
    """The first valid id among the fields ``names``."""
    for name in names:
        if name not in fields:
            continue
        value = fields[name][1]
        text = scalar_text(value) if isinstance(value, str) or type(value) is int else None
        if text and _IDENTIFIER.fullmatch(text):
            return text
    return None


def recipient(fields: ReportFields) -> str | None:
    """The last digits of the phone number in a report, however it is written; used only to tell two recipients apart."""
    for name, (_, value) in fields.items():
        digits = re.sub(r"\D", "", scalar_text(value) or "") if _RECIPIENT.search(name) else ""
        if digits:
            return digits[-10:]  # without the country code or a leading 0
    return None


def _first(fields: ReportFields, names: tuple[str, ...]) -> object:
    for name in names:
        if name in fields:
            return fields[name][1]
    return None


def _extra(fields: ReportFields) -> Iterator[tuple[str, str]]:
    """Unknown fields that cannot contain a phone number."""
    for name, value in fields.values():
        text = scalar_text(value) if _is_extra(name) else None
        if text and len(text) <= _EXTRA_LENGTH and text.isprintable() and not may_hold_number(name, text):
            yield name, text


@lru_cache(_NAMES_CACHED)
def _is_extra(name: str) -> bool:
    """Whether this is an unknown field whose name does not suggest personal data."""
    normalised = normalised_name(name)
    return normalised not in _KNOWN and not _PERSONAL.search(normalised) and _EXTRA_NAME.fullmatch(name) is not None

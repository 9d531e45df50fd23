"""The fields of one report of the vendor, found by the letters of their names, and the ``StatusEvent`` they make; pure.

The vendor's spelling of names is not promised (``external_id``, ``extenal_id``, ``updated on``), so names are compared by their
letters only. Whatever else than the code is missing or wrong becomes None or is dropped: a thin report is better than a lost one.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.receiver.callback.scalar import may_hold_number, scalar_text
from smsrelay.receiver.callback.timestamp import read_timestamp

Named = Mapping[str, tuple[str, object]]  # letters of the name → (name as it came, value)

LONGEST_NAME = 64  # characters of a name that is looked at
_NAMES = 1024  # whose spelling is looked at once; a vendor uses a dozen, and others cannot fill the memory

CODE = ("code", "statuscode")
EXTERNAL_ID = ("externalid", "extenalid")  # the vendor writes both
REFERENCE_ID = ("referenceid",)
_UPDATED_ON = ("updatedon", "statusupdatedon")
_DESCRIPTION = ("description", "statusdescription")
_KNOWN = frozenset((*CODE, *_UPDATED_ON, *EXTERNAL_ID, *REFERENCE_ID, *_DESCRIPTION))

_RECIPIENT = re.compile(r"mobile|phone|msisdn|recipient")
_PERSONAL = re.compile(r"mobile|phone|msisdn|recipient|param|^(to|tel|content|text|message|body|msg)$")
_EXTRA_NAME = re.compile(r"(?!__)[A-Za-z0-9_.\-]{1,32}")  # kombu takes __type__ and __value__ for its own envelope
_EXTRA_LIMIT = 8
_EXTRA_LENGTH = 64

_CODE_TEXT = re.compile(r"([0-9]{1,24})\.0+|([A-Za-z0-9_.\-]{1,24})")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


class CallbackUnreadable(ValueError):
    """Nothing can be made of a callback, or of one report in it. The text is constant and never quotes it."""


def report_event(named: Named, received_at: int, token: CallbackToken | None) -> StatusEvent:
    """The report that the fields make, received at ``received_at`` (epoch milliseconds) on the path of ``token``.

    Raises ``CallbackUnreadable``.
    """
    code = read_code(named)
    if code is None:
        raise CallbackUnreadable("no readable status code")
    external_id = identifier(named, EXTERNAL_ID)
    if token is None and external_id is None:
        raise CallbackUnreadable("names no attempt")
    return StatusEvent(
        message_id=token.message_id if token else None,
        attempt=token.attempt if token else None,
        external_id=external_id,
        reference_id=identifier(named, REFERENCE_ID),
        code=code,
        updated_on=read_timestamp(_first(named, _UPDATED_ON)),
        received_at=received_at,
        extra=dict(islice(_extra(named), _EXTRA_LIMIT)),
    )


@lru_cache(_NAMES)
def letters_of(name: str) -> str:
    """What names are compared by."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def has_code(named: Named) -> bool:
    """Whether there is a field for the code, readable or not."""
    return CODE[0] in named or CODE[1] in named


def read_code(named: Named) -> str | None:
    """A code as text: 200, "200 " and 200.0 are one. Codes are logged, so none may hold a phone number."""
    value = _first(named, CODE)
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        return None
    if isinstance(value, int) and 0 <= value <= 999_999:
        return str(value)  # as almost every report has it
    found = _CODE_TEXT.fullmatch(scalar_text(value) or "")
    code = found and (found[1] or found[2])
    return code if code and not may_hold_number(code) else None


def identifier(named: Named, names: tuple[str, ...]) -> str | None:
    """The first of the fields ``names`` that holds an id."""
    for name in names:
        if name not in named:
            continue
        value = named[name][1]
        text = scalar_text(value) if isinstance(value, str) or type(value) is int else None
        if text and _IDENTIFIER.fullmatch(text):
            return text
    return None


def recipient(named: Named) -> str | None:
    """The end of the number that a report is about, however it is written, only to tell two recipients apart."""
    for name, (_, value) in named.items():
        digits = re.sub(r"\D", "", scalar_text(value) or "") if _RECIPIENT.search(name) else ""
        if digits:
            return digits[-10:]  # without the country's code, or a leading 0 in its place
    return None


def _first(named: Named, names: tuple[str, ...]) -> object:
    for name in names:
        if name in named:
            return named[name][1]
    return None


def _extra(named: Named) -> Iterator[tuple[str, str]]:
    """Unknown fields that can hold nobody's number."""
    for name, value in named.values():
        text = scalar_text(value) if _is_extra(name) else None
        if text and len(text) <= _EXTRA_LENGTH and text.isprintable() and not may_hold_number(name, text):
            yield name, text


@lru_cache(_NAMES)
def _is_extra(name: str) -> bool:
    """Whether a field is one we do not know, under a name that promises nothing personal."""
    letters = letters_of(name)
    return letters not in _KNOWN and not _PERSONAL.search(letters) and _EXTRA_NAME.fullmatch(name) is not None

"""What can be read of a vendor's status callback, whatever shape it came in.

Enters: the raw body and its content type. Leaves: a ``StatusEvent`` without any personal field.
Fails with ``CallbackUnreadable`` when no status code, or nothing that names an attempt, can be read; everything
else that is missing or wrong becomes None or is dropped: a thin report is better than a lost one.

Two shapes were seen in public clients (nested status, RFC 3339 or epoch milliseconds, misspelt keys); nothing
is promised, so names are compared by their letters only, and a form, or JSON inside a form, is read as well.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, islice
from urllib.parse import parse_qsl

from producers.event import StatusEvent
from producers.token import CallbackToken

_Fields = Mapping[str, object]
_Named = Mapping[str, tuple[str, object]]  # letters of the name → (name as it came, value)

_NAMES = 1024  # whose spelling is looked at once; a vendor uses a dozen, and others cannot fill the memory

_CODE = ("code", "statuscode")
_UPDATED_ON = ("updatedon", "statusupdatedon")
_EXTERNAL_ID = ("externalid", "extenalid")  # the vendor writes both
_REFERENCE_ID = ("referenceid",)
_DESCRIPTION = ("description", "statusdescription")
_KNOWN = frozenset((*_CODE, *_UPDATED_ON, *_EXTERNAL_ID, *_REFERENCE_ID, *_DESCRIPTION))

_PERSONAL = re.compile(r"mobile|phone|msisdn|recipient|param|^(to|tel|content|text|message|body|msg)$")
_EXTRA_NAME = re.compile(r"(?!__)[A-Za-z0-9_.\-]{1,32}")  # kombu takes __type__ and __value__ for its own envelope
_EXTRA_LIMIT = 8
_EXTRA_LENGTH = 64

_CODE_TEXT = re.compile(r"([0-9]{1,24})\.0+|([A-Za-z0-9_.\-]{1,24})")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))?( ?[Zz]| ?[+\-]\d\d:?\d\d| \d\d:?\d\d)?",
    re.ASCII,
)
_EPOCH = re.compile(r"(\d{9,14})(?:\.(\d+))?", re.ASCII)  # 9 digits of seconds: 1973; 14 of milliseconds: 5138
_FIRST_MILLISECONDS = 10**11  # as seconds this would be the year 5138
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)

# gb18030 contains GBK; the last one reads a text that was cut inside a character.
_ENCODINGS = (("utf-8", "strict"), ("gb18030", "strict"), ("utf-8", "replace"))
_GB_FIRST = (_ENCODINGS[1], _ENCODINGS[0], _ENCODINGS[2])
_BYTE_ORDER_MARK = "\ufeff"
_MAX_FORM_FIELDS = 64


class CallbackUnreadable(ValueError):
    """Nothing can be made of a callback. The text is constant and never quotes the body."""


def read_callback(body: bytes, content_type: str | None, received_at: int, token: CallbackToken | None) -> StatusEvent:
    """The report in ``body``, received at ``received_at`` (epoch milliseconds) on the path of ``token``.

    ``updated_on`` without a zone is taken as UTC, the zone of the guide's example. Raises ``CallbackUnreadable``.
    """
    named = _named_fields(body, content_type)
    code = _code(_first(named, _CODE))
    if code is None:
        raise CallbackUnreadable("no readable status code")
    external_id = _identifier(named, _EXTERNAL_ID)
    if token is None and external_id is None:
        raise CallbackUnreadable("names no attempt")
    return StatusEvent(
        message_id=token.message_id if token else None,
        attempt=token.attempt if token else None,
        external_id=external_id,
        reference_id=_identifier(named, _REFERENCE_ID),
        code=code,
        updated_on=_instant(_first(named, _UPDATED_ON)),
        received_at=received_at,
        extra=dict(islice(_extra(named), _EXTRA_LIMIT)),
    )


def _named_fields(body: bytes, content_type: str | None) -> _Named:
    """The first reading of the body that has a field for the code."""
    for text in _texts(body, content_type):
        for fields in _readings(text):
            named = _flatten(fields)
            if any(name in named for name in _CODE):
                return named
    raise CallbackUnreadable("no object with a status code")


def _texts(body: bytes, content_type: str | None) -> Iterator[str]:
    says_gb = "charset=gb" in (content_type or "").lower().replace('"', "").replace(" ", "")
    for encoding, errors in _GB_FIRST if says_gb else _ENCODINGS:
        try:
            text = body.decode(encoding, errors)
        except UnicodeDecodeError:
            continue
        yield text.removeprefix(_BYTE_ORDER_MARK)


def _readings(text: str) -> Iterator[_Fields]:
    """Every object the text may stand for: JSON, a form, JSON in one field of a form."""
    whole = _object(text)
    if whole is not None:
        yield whole
    form = _form(text)
    yield form
    for part in chain.from_iterable(form.items()):
        inner = _object(part)
        if inner is not None:
            yield inner


def _form(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text.strip(), keep_blank_values=True, max_num_fields=_MAX_FORM_FIELDS))
    except ValueError:  # more fields than any vendor sends
        return {}


def _object(value: object) -> _Fields | None:
    """A JSON object, given as itself or as text (once quoted, too)."""
    for _ in range(2):
        if isinstance(value, str):
            value = _json(value)
    return value if isinstance(value, dict) else None


def _json(text: str) -> object:
    if not text.lstrip().startswith(("{", '"')):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # ValueError: not JSON, or a number of more than 4300 digits
        return None


def _flatten(fields: _Fields) -> _Named:
    """Fields by the letters of their names; those inside ``status`` win, they are about this report."""
    outer: dict[str, tuple[str, object]] = {}
    inner: dict[str, tuple[str, object]] = {}
    for name, value in fields.items():
        letters = _letters(name)
        nested = _object(value) if letters == "status" else None
        if nested is None:
            outer.setdefault(letters, (name, value))
        else:
            inner |= {_letters(key): (key, part) for key, part in nested.items() if part is not None}
    return outer | inner


@lru_cache(_NAMES)
def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _first(named: _Named, names: tuple[str, ...]) -> object:
    for name in names:
        if name in named:
            return named[name][1]
    return None


def _text(value: object) -> str | None:
    """A scalar as text; None for everything else."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip() if isinstance(value, str | int | float) else None


def _code(value: object) -> str | None:
    """A code as text: 200, "200 " and 200.0 are one. Codes are logged, so none may hold a phone number."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        return None
    if isinstance(value, int) and 0 <= value <= 999_999:
        return str(value)  # as almost every report has it
    found = _CODE_TEXT.fullmatch(_text(value) or "")
    code = found and (found[1] or found[2])
    return code if code and not _may_hold_number(code) else None


def _identifier(named: _Named, names: tuple[str, ...]) -> str | None:
    for name in names:
        value = named[name][1] if name in named else None
        text = None if isinstance(value, bool | float) else _text(value)
        if text and _IDENTIFIER.fullmatch(text):
            return text
    return None


def _instant(value: object) -> int | None:
    """Epoch milliseconds of RFC 3339 text, epoch milliseconds or epoch seconds; None of anything else."""
    if type(value) is int and _FIRST_MILLISECONDS <= value < 10**14:
        return value  # as almost every report has it
    text = None if isinstance(value, bool) else _text(value)
    if not text:
        return None
    if epoch := _EPOCH.fullmatch(text):
        whole = int(epoch[1])
        return whole if whole >= _FIRST_MILLISECONDS else whole * 1000 + _milliseconds(epoch[2])
    stamp = _RFC3339.fullmatch(text)
    return _rfc3339(*stamp.groups()) if stamp else None


def _rfc3339(day: str, time: str, fraction: str | None, zone: str | None) -> int | None:
    offset = (zone or "Z").strip().upper()
    if offset[0].isdigit():
        offset = f"+{offset}"  # a + sent unescaped in a form arrives as a space
    try:
        elapsed = datetime.fromisoformat(f"{day}T{time}{offset}") - _EPOCH_START
    except (ValueError, OverflowError):
        return None
    instant = elapsed // timedelta(milliseconds=1) + _milliseconds(fraction)
    return instant if instant >= 0 else None


def _milliseconds(fraction: str | None) -> int:
    return int((fraction or "")[:3].ljust(3, "0"))


def _extra(named: _Named) -> Iterator[tuple[str, str]]:
    """Unknown fields that can hold nobody's number."""
    for name, value in named.values():
        text = _text(value) if _is_extra(name) else None
        if text and len(text) <= _EXTRA_LENGTH and text.isprintable() and not _may_hold_number(name, text):
            yield name, text


@lru_cache(_NAMES)
def _is_extra(name: str) -> bool:
    """Whether a field is one we do not know, under a name that promises nothing personal."""
    letters = _letters(name)
    return letters not in _KNOWN and not _PERSONAL.search(letters) and _EXTRA_NAME.fullmatch(name) is not None


def _may_hold_number(*texts: str) -> bool:
    """Whether seven digits stand in a row once everything that is neither letter nor digit is left out."""
    return any(re.search(r"\d{7}", re.sub(r"[\W_]", "", text)) for text in texts)

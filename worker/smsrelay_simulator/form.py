"""What a client's form says, in every spelling that public clients of this vendor use.

Enters: the decoded form. Leaves: a ``Submit``, or None when the vendor would call it a business error (i005):
a field is missing, or a recipient is no number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

SENDMSG, SENDMSGALL, GROUP = "sendmsg", "sendmsgall", "groupmessaging"

_MAINLAND = re.compile(r"(?:\+?86)?(1[3-9]\d{9})")
_ABROAD = re.compile(r"\+?([1-9]\d{6,14})")


@dataclass(frozen=True, slots=True)
class Submit:
    """One submit as it came: ``recipients`` in E.164, one but for group messaging."""

    recipients: tuple[str, ...]
    template: str
    parameters: str  # templateParamSet as it came
    callback_url: str


def decode(body: bytes) -> dict[str, str]:
    """Form fields; of a repeated one, the first. Bytes that are not UTF-8 are replaced."""
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, errors="replace")
    return dict(reversed(pairs))


def read(operation: str, form: Mapping[str, str]) -> Submit | None:
    """The submit in a form, or None."""
    written = values(form.get("mobileSet", "")) if operation == GROUP else (form.get("mobile", ""),)
    recipients = tuple(e164(mobile, abroad=operation != SENDMSG) for mobile in written)
    template, parameters = form.get("templateID", ""), form.get("templateParamSet")
    if not recipients or "" in recipients or not template or parameters is None:
        return None
    return Submit(recipients, template, parameters, form.get("callbackUrl", ""))


def values(text: str) -> tuple[str, ...]:
    """Values of ``1234, 5``, ``['1234', '5']``, ``["1234", "5"]`` or ``[1234,5]``; none of an empty text."""
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
    return tuple(part.strip().strip("'\"") for part in inner.split(",")) if inner.strip() else ()


def e164(mobile: str, *, abroad: bool) -> str:
    """E.164 of a number written with +86, 86 or neither; empty when it is none.

    A + that was not sent as %2B arrives as a space, and is no number.
    """
    if (mainland := _MAINLAND.fullmatch(mobile)) is not None:
        return f"+86{mainland[1]}"
    other = _ABROAD.fullmatch(mobile) if abroad else None
    return f"+{other[1]}" if other is not None else ""

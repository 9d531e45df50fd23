"""Reads the form of a submit, in every spelling that public clients of this vendor use."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from smsrelay_simulator.value_list import values

SENDMSG, SENDMSGALL, GROUP = "sendmsg", "sendmsgall", "groupmessaging"

_MAINLAND = re.compile(r"(?:\+?86)?(1[3-9]\d{9})")
_ABROAD = re.compile(r"\+?([1-9]\d{6,14})")


@dataclass(frozen=True, slots=True)
class Submit:
    """One submit. ``recipients`` in E.164; only group messaging has more than one."""

    recipients: tuple[str, ...]
    template: str
    parameters: str  # the raw templateParamSet
    callback_url: str


def decode(body: bytes) -> dict[str, str]:
    """The form's fields; of a repeated one, the first value. Bytes that are not UTF-8 are replaced."""
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, errors="replace")
    return dict(reversed(pairs))


def read(operation: str, form: Mapping[str, str]) -> Submit | None:
    """The submit; None where the vendor answers i005: a field is missing, or a recipient is no phone number."""
    written = values(form.get("mobileSet", "")) if operation == GROUP else (form.get("mobile", ""),)
    recipients = tuple(e164(mobile, abroad=operation != SENDMSG) for mobile in written)
    template, parameters = form.get("templateID", ""), form.get("templateParamSet")
    if not recipients or "" in recipients or not template or parameters is None:
        return None
    return Submit(recipients, template, parameters, form.get("callbackUrl", ""))


def e164(mobile: str, *, abroad: bool) -> str:
    """A number written with +86, 86 or neither, in E.164; empty when it is no phone number. ``abroad``: allow other countries.

    A + that was not sent as %2B arrives as a space, which makes the number invalid.
    """
    if (mainland := _MAINLAND.fullmatch(mobile)) is not None:
        return f"+86{mainland[1]}"
    other = _ABROAD.fullmatch(mobile) if abroad else None
    return f"+{other[1]}" if other is not None else ""

"""The vendor's own answer to a submit: ``{"code":"0000","msg":"…","externalId":"…","requestId":"…"}``.

Takes the bytes of a body. Returns a ``Reply`` whose code and ids are safe to log, or None when the body does not parse or has no
code; the submit may have been accepted all the same. ``msg`` may quote what was sent: only what ``masking`` lets through is kept.
"""

import json
import re
from dataclasses import dataclass, field

CODE_LENGTH = 24
_FOREIGN = re.compile(r"[^A-Za-z0-9_.\-]")
_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
# The first spelling is inferred for this route; status callbacks use the other two.
_EXTERNAL_ID = ("externalId", "external_id", "extenal_id")


@dataclass(frozen=True, slots=True)
class Reply:
    """A parsed answer."""

    code: str
    external_id: str | None
    request_id: str | None
    id_withheld: bool = False  # it had an external id, but not one that can be kept
    message: str = field(default="", repr=False)  # its wording, unmasked


def parse_reply(body: bytes) -> Reply | None:
    """Parse a body, leniently: a message in another encoding must not cost us the code, which is ASCII."""
    try:
        found = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):  # RecursionError: thousands of opening brackets
        return None
    if not isinstance(found, dict):
        return None
    code = safe_code(_text(found.get("code")))
    if not code:
        return None
    named = next((found[name] for name in _EXTERNAL_ID if name in found), None)
    external_id, message = safe_id(_text(named)), found.get("msg")
    return Reply(
        code,
        external_id,
        safe_id(_text(found.get("requestId"))),
        id_withheld=external_id is None and bool(named.strip() if isinstance(named, str) else named),
        message=message if isinstance(message, str) else "",
    )


def safe_code(code: str) -> str:
    """The code, restricted to the alphabet of ``Answer.code``.

    Other characters are replaced, not dropped: ``00 00`` must not become ``0000``, which means accepted.
    """
    return _FOREIGN.sub("_", code.strip())[:CODE_LENGTH]


def safe_id(text: str | None) -> str | None:
    """The id unchanged, or None when it is not a valid one: ids are looked up whole, so a cleaned-up one is useless."""
    return text if text is not None and _ID.fullmatch(text) else None


def _text(value: object) -> str:
    # Numbers are accepted too, because callbacks send the code both ways. True is an int to Python, but not a code.
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)

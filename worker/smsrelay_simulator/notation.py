"""The short notation of a step: ``503``, ``203+200``, ``i005``, ``throttled_429``, ``reset_after+503``, ``never``, ``says_ok``.

Enters: one token; its parts are joined by ``+``. Leaves: the fields of a step, still to be validated.
A part that means nothing raises ``ValueError`` naming it.
"""

import re
from typing import Any

from smsrelay_simulator.preset import PRESETS

ANSWERS = (
    "accept",
    "vendor_code",
    "gateway",
    "http",
    "reset_before",
    "reset_after",
    "timeout_after",
    "garbage",
    "empty",
)
_NEEDS_MORE = {"vendor_code", "gateway", "http"}
_STATUS = re.compile(r"[2-5]\d\d|1\d{4}")
_VENDOR_CODE = re.compile(r"[a-z]\d{3}|\d{4}")


def step_fields(token: str) -> dict[str, Any]:
    """Fields of the step that ``token`` stands for."""
    fields: dict[str, Any] = {}
    for part in token.split("+"):
        _add(part, fields)
    return fields


def _add(part: str, fields: dict[str, Any]) -> None:
    if _STATUS.fullmatch(part):
        fields.setdefault("reports", []).append({"code": int(part)})
    elif part == "says_ok":
        fields["headers"] = {"X-Ca-Error-Message": "OK"}
    elif part == "never":
        fields["reports"] = []
    elif _VENDOR_CODE.fullmatch(part):
        fields |= {"answer": "vendor_code", "code": part}
    elif part in PRESETS or (part in ANSWERS and part not in _NEEDS_MORE):
        fields["answer"] = part
    else:
        raise ValueError(f"{part!r} is neither a status code, a vendor code, an answer nor a preset")

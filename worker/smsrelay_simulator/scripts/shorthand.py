"""The short notation of a step, such as ``503``, ``203+200``, ``i005``, ``throttled_429``, ``reset_after+503`` or ``never``."""

import re
from typing import Any

from smsrelay_simulator.scripts.gateway_errors import GATEWAY_ERRORS

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
    """The fields of a step, not yet validated. Raises ``ValueError`` naming the part that is unknown; ``+`` joins parts."""
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
    elif part in GATEWAY_ERRORS or (part in ANSWERS and part not in _NEEDS_MORE):
        fields["answer"] = part
    else:
        raise ValueError(f"{part!r} is neither a status code, a vendor code, an answer nor a gateway error")

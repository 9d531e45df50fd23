"""The JSON body of a status report, in every shape seen of this vendor and two that other vendors use.

guide: as in the vendor's guide, with an RFC 3339 time, a numeric code and a description.
misprint: the same with the key "updated on", as the guide misprints it.
priced: as public clients show it, with price, number, "extenal_id", epoch milliseconds, and the code as text.
list: a list of such reports with compact times. enveloped: the guide's body under ``data`` of an answer. Both are other vendors'.
"""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from smsrelay_simulator.reports.status_text import text_of
from smsrelay_simulator.scripts.script import Report, Shape


def report_body(report: Report, shape: Shape, external_id: str, recipient: str, now: float) -> bytes:
    """One report, encoded. A code that the script gives as text stays text. ``now``: epoch seconds."""
    build = _priced if shape in {"priced", "list"} else _guide
    updated = now - report.age
    body = build(report, external_id, recipient, updated)
    if shape == "misprint":
        body["status"] = {_misprinted(key): value for key, value in body["status"].items()}
    if shape == "list":
        body["status"]["updated_on"] = _given(report, datetime.fromtimestamp(updated, UTC).strftime("%Y%m%d%H%M%S"))
    wrapped = {"list": [body], "enveloped": {"code": "0000", "msg": "成功。", "data": {"statusReportList": [body]}}}
    return json.dumps(wrapped.get(shape, body), ensure_ascii=False).encode()


def rfc3339(time: float) -> str:
    """Epoch seconds as UTC with microseconds, as in the guide."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _guide(report: Report, external_id: str, _recipient: str, updated: float) -> dict[str, Any]:
    status: dict[str, Any] = {"updated_on": _given(report, rfc3339(updated)), "code": report.code}
    if (text := text_of(report.code)) is not None:
        status["description"] = text
    return {"reference_id": secrets.token_hex(16).upper(), "external_id": external_id, "status": status}


def _priced(report: Report, external_id: str, recipient: str, updated: float) -> dict[str, Any]:
    return {
        "reference_id": str(10**18 + secrets.randbelow(9 * 10**18)),
        "price": "0.05",
        "mobile": recipient.removeprefix("+"),
        "extenal_id": external_id,  # misspelt by the vendor
        "status": {"updated_on": _given(report, int(updated * 1000)), "code": str(report.code)},
    }


def _given(report: Report, otherwise: int | str) -> int | str:
    return otherwise if report.updated_on is None else report.updated_on


def _misprinted(key: str) -> str:
    return "updated on" if key == "updated_on" else key

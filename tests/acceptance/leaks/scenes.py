"""Scenes: one message for every path through the relay, with a vendor that repeats number and code wherever it can."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.acceptance.leaks.needles import Person

Steps = list[Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """What the vendor does to one message, and the state that ends it."""

    lane: Lane
    steps: Callable[[Person], Steps]
    end: State
    abroad: bool = False


def _said(person: Person) -> str:
    return f"mobile={person.to} templateParamSet={person.word}, {person.code}"


def _reports(*codes: int | str, **how: Any) -> dict[str, Any]:
    """Accepted, then reports that carry the number."""
    return {"answer": "accept", "reports": [{"code": code, "shape": "priced", **how} for code in codes]}


def _gateway(person: Person, http: int, message: str, code: str = "") -> dict[str, Any]:
    """The gateway's error, which quotes the request."""
    named = {"X-Ca-Error-Code": code} if code else {}
    return {"answer": "gateway", "http": http, "headers": {**named, "X-Ca-Error-Message": f"{message} `{_said(person)}`"}}


def _vendor(person: Person, code: str) -> dict[str, Any]:
    return {"answer": "vendor_code", "code": code, "message": _said(person)}


def _full_width(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


# How a vendor that says why it refuses may repeat what was sent to it, beside words that are worth keeping.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plainly": str,
    "spaced": " ".join,
    "in full width": _full_width,
    "percent-encoded": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "in JSON's escapes": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "in HTML's escapes": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in Chinese numerals": lambda text: text.translate(str.maketrans("0123456789", "零一二三四五六七八九")),
}
REASON = "发送频率超限"


def _refused(spelling: Callable[[str], str]) -> Callable[[Person], Steps]:
    def steps(person: Person) -> Steps:
        repeated = "，".join(spelling(part) for part in (person.to, person.national, person.word, person.code))
        return [{"answer": "vendor_code", "code": "i005", "message": f"{REASON}：{repeated}。"}]

    return steps


def _unanswered(answer: str, **how: Any) -> dict[str, Any]:
    return {"answer": answer, "reports": [{"code": 200, "after": 1, "shape": "priced"}], **how}


DELIVERED, FAILED = State.DELIVERED, State.FAILED

SCENES = {
    "normal": Scene(Lane.OTP, lambda _: [_reports(200)], DELIVERED),
    "abroad": Scene(Lane.NOTICE, lambda _: [_reports(203, 200)], DELIVERED, abroad=True),
    "retried": Scene(Lane.OTP, lambda _: [_reports(503), _reports(200)], DELIVERED),
    "retried abroad": Scene(Lane.MARKETING, lambda _: [_reports(505), _reports(200)], DELIVERED, abroad=True),
    "failed": Scene(Lane.NOTICE, lambda _: [_reports(504)], FAILED),
    "unlisted": Scene(Lane.NOTICE, lambda _: [_reports(251, 200)], DELIVERED),
    "early and repeated": Scene(Lane.OTP, lambda _: [_reports(200, before_answer=True, repeat=3)], DELIVERED),
    "forged": Scene(
        Lane.OTP,
        lambda _: [{"reports": [{"code": 504, "shape": "priced", "forged": True}, {"code": 200, "after": 1}]}],
        DELIVERED,
    ),
    "unreachable": Scene(Lane.NOTICE, lambda who: [_gateway(who, 503, "Backend busy", "D503BB"), _reports(200)], DELIVERED),
    "throttled": Scene(Lane.MARKETING, lambda who: [_gateway(who, 429, "Throttled by API Flow Control"), "200"], DELIVERED),
    "refused by the vendor": Scene(Lane.NOTICE, lambda who: [_vendor(who, "i005")], FAILED),
    "refused by the gateway": Scene(Lane.NOTICE, lambda who: [_gateway(who, 400, "Invalid parameter", "I400MP")], FAILED),
    "system error": Scene(Lane.OTP, lambda who: [_vendor(who, "9999") | _unanswered("vendor_code")], DELIVERED),
    "reset": Scene(Lane.OTP, lambda _: [_unanswered("reset_after")], DELIVERED),
    "timed out": Scene(Lane.NOTICE, lambda _: [_unanswered("timeout_after", delay=6)], DELIVERED),
    **{f"refused, quoted {how}": Scene(Lane.NOTICE, _refused(spelt), FAILED) for how, spelt in SPELLINGS.items()},
    "unknown code with an id": Scene(
        Lane.NOTICE,
        lambda who: [{"body": json.dumps({"code": "x777", "msg": _said(who), "externalId": "e777"}), "reports": [{"code": 200}]}],
        DELIVERED,
    ),
    "unreadable answer": Scene(Lane.OTP, lambda who: [_unanswered("http", http=200, body=_said(who))], DELIVERED),
}

# An identifier is shown as it is, so a number in one is shown too unless somebody looks; each of these has a test of its own.
HOSTILE = {
    "number as the answer's code": Scene(
        Lane.OTP,
        lambda who: [{"body": json.dumps({"code": who.national}), "reports": []}],
        FAILED,
    ),
    "number as the request id": Scene(
        Lane.OTP,
        lambda who: [{"body": json.dumps({"code": "i005", "requestId": who.national}), "reports": []}],
        FAILED,
    ),
    "number as the vendor's id": Scene(
        Lane.OTP,
        lambda who: [{"body": json.dumps({"code": "0000", "externalId": f"20261122-{who.national}"}), "reports": []}],
        State.SUBMITTED,
    ),
}


def signature_refused(person: Person) -> Steps:
    """Redirected with the request in the URL; then as the real gateway answers a wrong signature; then accepted."""
    shown = f"POST#*/*##application/x-www-form-urlencoded##/comms/sms/sendmsg?{_said(person)}"
    redirect = {"answer": "http", "http": 302, "headers": {"Location": f"http://127.0.0.1:1/?{_said(person)}"}, "reports": []}
    refused = _gateway(person, 403, f"Invalid Signature, Server StringToSign:`{shown}`", "A403IS")
    return [redirect, refused, _reports(200)]


def unreadable_callbacks(person: Person) -> dict[str, tuple[str, int]]:
    """Bodies that hold the number where no report has it, with the answer each must get."""
    report = {"status": {"code": 203}}
    return {
        "no code": (json.dumps({"mobile": person.to, "content": person.code}), 200),
        "not JSON": (f"{person.to} got {person.code}", 200),
        "number as the code": (json.dumps({"mobile": person.to, "code": person.national}), 200),
        "number and code as names": (json.dumps([{"result": {person.national: 1, person.code: person.word}}, person.to]), 200),
        "too large": (json.dumps({"mobile": person.to, "pad": person.word * 8000}), 413),
        "number in other fields": (
            json.dumps(report | {"msisdn": person.to, "note": person.national, "descr": person.code, person.national: "x"}),
            200,
        ),
        "spaced number": (json.dumps(report | {"memo": " ".join(person.national), "price": "0.05"}), 200),
    }

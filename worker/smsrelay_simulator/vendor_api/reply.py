"""The HTTP answer to a submit or a pull."""

import json
from dataclasses import dataclass
from typing import Any

from smsrelay_simulator.scripts.gateway_errors import GatewayError
from smsrelay_simulator.scripts.script import Step

ERROR_MESSAGE = "x-ca-error-message"
_TEXTS = {"0000": "成功。", "i005": "业务异常", "9999": "系统异常", "1999": "服务异常"}
_GARBAGE = "<html><body><h1>Welcome</h1></body></html>"
_WITHOUT_BODY = {204, 205, 304}


@dataclass(frozen=True, slots=True)
class Reply:
    """``headers``: all but length and request id."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def from_vendor(self) -> bool:
        """Whether the vendor itself answers, and not its gateway."""
        return 200 <= self.status < 300 and not any(name.lower().startswith("x-ca-error-") for name, _ in self.headers)


def vendor_reply(code: str, request_id: str, message: str | None = None, **fields: Any) -> Reply:
    """The vendor's JSON answer. ``message`` replaces the vendor's text of the code."""
    text = _TEXTS.get(code, "异常") if message is None else message
    body = {"code": code, "msg": text, **fields, "requestId": request_id}
    return Reply(
        200,
        (("content-type", "application/json;charset=UTF-8"),),
        json.dumps(body, ensure_ascii=False).encode(),
    )


def gateway_reply(error: GatewayError) -> Reply:
    """A gateway error: headers and no body."""
    named = (("x-ca-error-code", error.code), (ERROR_MESSAGE, error.message))
    return Reply(error.http, tuple(header for header in named if header[1]), b"")


def step_reply(step: Step, external_id: str, request_id: str) -> Reply:
    """The answer of a step; the step's own status, headers and body override the usual ones."""
    reply = _usual(step, external_id, request_id)
    status = step.http or reply.status
    body = reply.body if step.body is None else step.body.encode()
    return Reply(status, reply.headers + tuple(step.headers.items()), b"" if status in _WITHOUT_BODY else body)


def _usual(step: Step, external_id: str, request_id: str) -> Reply:
    if step.gateway_error is not None:
        return gateway_reply(step.gateway_error)
    match step.answer:
        case "vendor_code":
            fields = {"externalId": external_id} if step.code == "0000" else {}
            return vendor_reply(str(step.code), request_id, step.message, **fields)
        case "gateway":
            return gateway_reply(GatewayError(step.outcome, step.http or 403, step.code or ""))
        case "http" | "empty":
            return Reply(step.http or 200, (), b"")
        case "garbage":
            return Reply(200, (("content-type", "text/html"),), _GARBAGE.encode())
    return vendor_reply("0000", request_id, externalId=external_id)

"""The answer to a submit, as bytes on the wire.

Enters: a step or a preset, external and request id. Leaves: a ``Reply``.
"""

import json
from dataclasses import dataclass
from typing import Any

from smsrelay_simulator.preset import Preset
from smsrelay_simulator.script import Step

ERROR_MESSAGE = "x-ca-error-message"
_TEXTS = {"0000": "成功。", "i005": "业务异常", "9999": "系统异常", "1999": "服务异常"}
_GARBAGE = "<html><body><h1>Welcome</h1></body></html>"
_WITHOUT_BODY = {204, 205, 304}


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers beside length and request id, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def from_vendor(self) -> bool:
        """Whether no gateway had a word in it."""
        return 200 <= self.status < 300 and not any(name.lower().startswith("x-ca-error-") for name, _ in self.headers)


def vendor_reply(code: str, request_id: str, message: str | None = None, **fields: Any) -> Reply:
    """The vendor's own JSON; ``message`` in place of the text that it has for the code."""
    text = _TEXTS.get(code, "异常") if message is None else message
    body = {"code": code, "msg": text, **fields, "requestId": request_id}
    return Reply(
        200,
        (("content-type", "application/json;charset=UTF-8"),),
        json.dumps(body, ensure_ascii=False).encode(),
    )


def gateway_reply(preset: Preset) -> Reply:
    """The gateway's error: headers, and mostly no body."""
    named = (("x-ca-error-code", preset.code), (ERROR_MESSAGE, preset.message))
    return Reply(preset.http, tuple(header for header in named if header[1]), b"")


def step_reply(step: Step, external_id: str, request_id: str) -> Reply:
    """What a step answers; its own headers and body go over what the answer brings."""
    reply = _plain(step, external_id, request_id)
    status = step.http or reply.status
    body = reply.body if step.body is None else step.body.encode()
    return Reply(status, reply.headers + tuple(step.headers.items()), b"" if status in _WITHOUT_BODY else body)


def _plain(step: Step, external_id: str, request_id: str) -> Reply:
    if step.preset is not None:
        return gateway_reply(step.preset)
    match step.answer:
        case "vendor_code":
            fields = {"externalId": external_id} if step.code == "0000" else {}
            return vendor_reply(str(step.code), request_id, step.message, **fields)
        case "gateway":
            return gateway_reply(Preset(step.outcome, step.http or 403, step.code or ""))
        case "http" | "empty":
            return Reply(step.http or 200, (), b"")
        case "garbage":
            return Reply(200, (("content-type", "text/html"),), _GARBAGE.encode())
    return vendor_reply("0000", request_id, externalId=external_id)

"""UnreadableCallback: a callback on a path of ours that nobody could read, as it is kept until a person has looked at it.

A pure value and its wire form, in the receiver's spool and in the store. The body is kept as it came, for a newer version may
read it; it can hold a phone number, so neither the repr nor any log shows it. A wrong wire form raises ``Rejection``.
"""

import base64
import secrets
from dataclasses import dataclass, field
from typing import Any, Self

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.rejection import Rejection

_WIRE_VERSION = 1


@dataclass(frozen=True, slots=True)
class UnreadableCallback:
    """What came, whose path it came on, when (epoch milliseconds), and why it could not be read."""

    token: CallbackToken
    received_at: int
    reason: str
    body: bytes = field(repr=False)  # without its Content-Encoding, unless that is what could not be undone
    content_type: str = field(default="", repr=False)
    kept_id: str = field(default_factory=lambda: secrets.token_hex(6))  # what a person names it by

    def encode(self) -> dict[str, Any]:
        """Plain JSON values; the body as text where it is UTF-8."""
        wire: dict[str, Any] = {
            "unread": _WIRE_VERSION,
            "kept_id": self.kept_id,
            "message_id": self.token.message_id,
            "attempt": self.token.attempt,
            "received_at": self.received_at,
            "reason": self.reason,
            "content_type": self.content_type,
        }
        try:
            return wire | {"text": self.body.decode()}
        except UnicodeDecodeError:
            return wire | {"base64": base64.b64encode(self.body).decode()}

    @classmethod
    def decode(cls, wire: Any) -> Self:
        """Read what ``encode`` wrote; raises ``Rejection``."""
        try:
            token = CallbackToken(str(wire["message_id"]), int(wire["attempt"]))
            body = wire["text"].encode() if "text" in wire else base64.b64decode(wire["base64"])
            told = str(wire["reason"]), body, str(wire["content_type"]), str(wire["kept_id"])
            return cls(token, int(wire["received_at"]), *told)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Rejection.of("unread", "is not a callback that was kept") from None

    @staticmethod
    def is_wire(wire: object) -> bool:
        """Whether a wire form is one of these, and not of a ``StatusEvent``."""
        return isinstance(wire, dict) and "unread" in wire


Received = StatusEvent | UnreadableCallback  # what the receiver makes durable before it answers

"""UnreadableCallback: a callback on a signed path that could not be parsed, stored until an operator has looked at it.

A pure value, with the JSON form that the spool and the store keep. The body is stored as received, because a later version may be
able to parse it. It may contain a phone number, so neither the repr nor any log shows it. An invalid JSON form raises
``Rejection``.
"""

import base64
import json
import secrets
from dataclasses import dataclass, field, replace
from typing import Any, Self

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.payload_cipher import CALLBACK, PayloadCipher
from smsrelay.contract.rejection import Rejection

_WIRE_VERSION = 1


@dataclass(frozen=True, slots=True)
class UnreadableCallback:
    """The body as received, the token of its path, when it came (epoch ms), and why it could not be parsed."""

    token: CallbackToken
    received_at: int
    reason: str
    body: bytes = field(repr=False)  # decoded, unless decoding its Content-Encoding is what failed
    content_type: str = field(default="", repr=False)
    kept_id: str = field(default_factory=lambda: secrets.token_hex(6))  # what `smsrelay dead` commands call it by

    sealed: str = field(default="", repr=False)  # body and content type, encrypted, in place of both

    def sealed_by(self, cipher: PayloadCipher) -> Self:
        """The same with its content encrypted, always to the same text; unchanged without keys."""
        if self.sealed or not cipher.names:
            return self
        content = json.dumps([base64.b64encode(self.body).decode(), self.content_type])
        sealed = cipher.seal(CALLBACK, self.kept_id, content, repeatable=True)
        return replace(self, body=b"", content_type="", sealed=sealed)

    def opened(self, cipher: PayloadCipher) -> Self:
        """The same with its content readable; raises ``CannotOpen``."""
        if not self.sealed:
            return self
        body, content_type = json.loads(cipher.open(CALLBACK, self.kept_id, self.sealed))
        return replace(self, body=base64.b64decode(body), content_type=content_type, sealed="")

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
        if self.sealed:
            return wire | {"sealed": self.sealed}
        try:
            return wire | {"text": self.body.decode()}
        except UnicodeDecodeError:
            return wire | {"base64": base64.b64encode(self.body).decode()}

    @classmethod
    def decode(cls, wire: Any) -> Self:
        """Read what ``encode`` wrote; raises ``Rejection``."""
        try:
            token = CallbackToken(str(wire["message_id"]), int(wire["attempt"]))
            sealed = str(wire.get("sealed", ""))
            rest = str(wire["reason"]), b"" if sealed else _body(wire), str(wire["content_type"]), str(wire["kept_id"])
            return cls(token, int(wire["received_at"]), *rest, sealed=sealed)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Rejection.of("unread", "is not a stored unreadable callback") from None

    @staticmethod
    def is_wire(wire: object) -> bool:
        """Whether a JSON value is one of these, and not a ``StatusEvent``."""
        return isinstance(wire, dict) and "unread" in wire


def _body(wire: dict[str, Any]) -> bytes:
    return wire["text"].encode() if "text" in wire else base64.b64decode(wire["base64"])


Received = StatusEvent | UnreadableCallback  # what the receiver stores durably before it answers

"""Message: one SMS to one recipient, as it is recorded. A job becomes a message once it has an id and a deadline.

Pure: instants come in as arguments, milliseconds since the Unix epoch, UTC.
"""

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field

from producers.lanes import Lane

_NAMESPACE = uuid.UUID("6f1d2c52-0d5e-5c0b-9d5b-5a7c1e0f3f9a")


@dataclass(frozen=True, slots=True)
class Message:
    """A validated job with its identity. Its repr shows neither number nor parameters."""

    message_id: str
    lane: Lane
    to: str = field(repr=False)  # E.164
    template: str
    params: tuple[str, ...] = field(repr=False)
    app: str
    reference: str | None = field(repr=False)
    expires_at: int
    not_before: int | None

    def payload(self) -> str:
        """What only the submit needs; dropped as soon as no further attempt can come."""
        return json.dumps({"to": self.to, "params": self.params}, ensure_ascii=False, separators=(",", ":"))

    def fingerprint(self, secret: bytes) -> str:
        """Keyed digest of the content: tells "the same job again" from "another job under the same reference"."""
        content = json.dumps([self.to, self.lane, self.template, self.params], ensure_ascii=False)
        return _keyed(secret, "content", content)

    def recipient_hash(self, secret: bytes) -> str:
        """Keyed digest of the number; stays when the number is dropped."""
        return _keyed(secret, "recipient", self.to)


def referenced_id(app: str, reference: str) -> str:
    """The message id that an app's own reference always leads to (UUIDv5)."""
    return str(uuid.uuid5(_NAMESPACE, f"{len(app)}:{app}{reference}"))


def fresh_id(now: int, random_bits: int) -> str:
    """A UUIDv7 (RFC 9562): ``now`` in ms in the leading 48 bits, then 74 random bits."""
    high = (now & (1 << 48) - 1) << 80
    middle = 0x7 << 76 | (random_bits >> 62 & 0xFFF) << 64
    low = 0b10 << 62 | random_bits & (1 << 62) - 1
    return str(uuid.UUID(int=high | middle | low))


def _keyed(secret: bytes, purpose: str, text: str) -> str:
    return hmac.digest(secret, f"{purpose}:{text}".encode(), hashlib.sha256).hex()[:24]

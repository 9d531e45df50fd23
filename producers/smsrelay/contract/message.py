"""Message: one SMS to one recipient, as it is recorded. A job becomes a message once it has an id and a deadline.

Pure: instants come in as arguments, milliseconds since the Unix epoch, UTC.
"""

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field

from smsrelay.contract.lanes import Lane

_NAMESPACE = uuid.UUID("6f1d2c52-0d5e-5c0b-9d5b-5a7c1e0f3f9a").bytes
_RECIPIENT = 8  # letters, 48 bits: held until the retention is over, to tell numbers apart and nothing is decided by it
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # json.dumps would make an encoder each time
_spaced = json.JSONEncoder(ensure_ascii=False).encode


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
        return _compact({"to": self.to, "params": self.params})

    def fingerprint(self, secret: bytes) -> str:
        """Keyed digest of the content: tells "the same job again" from "another job under the same reference".

        Empty without a reference: then the id is this job's alone.
        """
        if self.reference is None:
            return ""
        content = _spaced([self.to, self.lane, self.template, self.params])
        return keyed(secret, "content", content)

    def recipient_hash(self, secret: bytes) -> str:
        """Keyed digest of the number; stays when the number is dropped. Of one number, older records hold four letters more."""
        return keyed(secret, "recipient", self.to)[:_RECIPIENT]


def referenced_id(app: str, reference: str) -> str:
    """The message id that an app's own reference always leads to (UUIDv5)."""
    digest = hashlib.sha1(_NAMESPACE + f"{len(app)}:{app}{reference}".encode(), usedforsecurity=False).digest()
    return _uuid(int.from_bytes(digest[:16]), version=5)


def fresh_id(now: int, random_bits: int) -> str:
    """A UUIDv7 (RFC 9562): ``now`` in ms in the leading 48 bits, then 74 random bits."""
    stamp = (now & (1 << 48) - 1) << 80
    return _uuid(stamp | (random_bits >> 62 & 0xFFF) << 64 | random_bits & (1 << 62) - 1, version=7)


def _uuid(bits: int, version: int) -> str:
    """Text of a UUID with version and variant set; ``uuid.UUID`` takes three times as long."""
    text = f"{bits & ~(0xF << 76 | 0b11 << 62) | version << 76 | 0b10 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def keyed(secret: bytes, purpose: str, text: str) -> str:
    """Digest that nobody without the secret can look up a number by, nor compare between purposes."""
    return base64.urlsafe_b64encode(hmac.digest(secret, f"{purpose}:{text}".encode(), hashlib.sha256)[:9]).decode("ascii")

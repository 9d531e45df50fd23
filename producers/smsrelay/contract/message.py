"""Message: one SMS to one recipient, as it is recorded. A job becomes a message once it has an id and a deadline.

Pure: instants are passed in, as milliseconds since the Unix epoch, UTC.
"""

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field

from smsrelay.contract.lanes import Lane

DIGEST_LENGTH = 12  # characters of a digest; records of early versions have 8 of a recipient's
_NAMESPACE = uuid.UUID("6f1d2c52-0d5e-5c0b-9d5b-5a7c1e0f3f9a").bytes
_TEST = "/test"  # no app's name holds a slash
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # json.dumps would create an encoder for each call
_spaced = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Message:
    """A validated job with an id and a deadline. Its repr shows neither number nor parameters."""

    message_id: str
    lane: Lane
    to: str = field(repr=False)  # E.164
    template: str
    params: tuple[str, ...] = field(repr=False)
    app: str
    reference: str | None = field(repr=False)
    expires_at: int  # ms
    not_before: int | None  # ms
    tags: tuple[tuple[str, str], ...] = ()
    test: bool = False  # never reaches the vendor
    campaign: str | None = None
    ignores_window: bool = False  # submitted at any hour
    signature: str | None = None  # of its registered template
    traceparent: str | None = None  # names the span that enqueues it

    def payload(self) -> str:
        """Number and parameters as JSON. Stored apart from the record and deleted once no further attempt can follow."""
        return _compact({"to": self.to, "params": self.params})

    def fingerprint(self, key: bytes) -> str:
        """Keyed digest of the content: tells "the same job again" from "another job under the same reference".

        Empty without a reference, because then no other job can have the id.
        """
        if self.reference is None:
            return ""
        content = _spaced([self.to, self.lane, self.template, self.params])
        return keyed_digest(key, "content", content)

    def recipient_hash(self, key: bytes) -> str:
        """Keyed digest of the number; kept after the number is deleted."""
        return recipient_digest(key, self.to)


def referenced_id(app: str, reference: str, *, test: bool = False) -> str:
    """The message id of an app's reference (UUIDv5): the same reference always gives the same id; a test message has another."""
    if test:
        app += _TEST
    digest = hashlib.sha1(_NAMESPACE + f"{len(app)}:{app}{reference}".encode(), usedforsecurity=False).digest()
    return _uuid(int.from_bytes(digest[:16]), version=5)


def fresh_id(now: int, random_bits: int) -> str:
    """A UUIDv7 (RFC 9562): ``now`` (ms) in the leading 48 bits, then 74 random bits."""
    stamp = (now & (1 << 48) - 1) << 80
    return _uuid(stamp | (random_bits >> 62 & 0xFFF) << 64 | random_bits & (1 << 62) - 1, version=7)


def _uuid(bits: int, version: int) -> str:
    """Text of a UUID with version and variant set; by way of ``uuid.UUID`` it would take three times as long."""
    text = f"{bits & ~(0xF << 76 | 0b11 << 62) | version << 76 | 0b10 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def recipient_digest(key: bytes, number: str) -> str:
    """Keyed digest (72 bits) of a number in E.164, by which its messages, attempts and suppressions are found."""
    return keyed_digest(key, "recipient", number)


def keyed_digest(key: bytes, purpose: str, text: str) -> str:
    """HMAC digest: without the key nobody can find a number by it, and digests for different purposes never match."""
    return base64.urlsafe_b64encode(hmac.digest(key, f"{purpose}:{text}".encode(), hashlib.sha256)[:9]).decode("ascii")

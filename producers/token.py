"""The signed path of a callback URL: it names message and attempt, and proves that we wrote it.

Vendor fact: callbacks carry no signature of their own, and ``callbackUrl`` is given per request, so ours carries
the proof.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache

_PREFIX = "/callback"
_MAC_BYTES = 16
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_ATTEMPT = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class CallbackToken:
    """Message and attempt that one callback URL stands for."""

    message_id: str
    attempt: int

    def path(self, secret: bytes) -> str:
        """Path of the callback URL, to be appended to the receiver's public base."""
        return f"{_PREFIX}/{self.message_id}/{self.attempt}/{_mac(secret, self.message_id, str(self.attempt))}"


def verify(secret: bytes, message_id: str, attempt: str, mac: str) -> CallbackToken | None:
    """The token of a callback path, or None when we did not write it.

    The shape is checked before the proof, because the proof is over ``id:attempt`` joined: with a ``:`` allowed
    inside either, one proof would stand for several splits, among them attempts that are no number.
    """
    if not (_MESSAGE_ID.fullmatch(message_id) and _ATTEMPT.fullmatch(attempt)):
        return None
    expected = _mac(secret, message_id, attempt)
    if not hmac.compare_digest(expected.encode(), mac.encode("utf-8", "replace")):
        return None
    return CallbackToken(message_id, int(attempt))


def _mac(secret: bytes, message_id: str, attempt: str) -> str:
    proof = _keyed(secret).copy()
    proof.update(f"callback:{message_id}:{attempt}".encode("utf-8", "replace"))
    return base64.urlsafe_b64encode(proof.digest()[:_MAC_BYTES]).rstrip(b"=").decode()


@lru_cache(4)
def _keyed(secret: bytes) -> hmac.HMAC:
    """The proof of nothing yet, to be copied: putting the secret in costs as much as all the rest."""
    return hmac.new(secret, digestmod=hashlib.sha256)

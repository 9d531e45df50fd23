"""The signed path of a callback URL: it names message and attempt, and proves that we wrote it.

Vendor fact: callbacks carry no signature of their own, and ``callbackUrl`` is given per request, so ours carries
the proof.
"""

import base64
import hashlib
import hmac
import re
from functools import lru_cache
from typing import NamedTuple

_FIRST = "callback"
_MAC_BYTES = 16
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_ATTEMPT = re.compile(r"([1-9][0-9]{0,5})(?:-([1-9][0-9]{5,6}))?")  # and the hour at which it ends
_PROOF = re.compile(r"[A-Za-z0-9_\-]{22}")
_AS_WE_WROTE_IT = re.compile(f"/{_FIRST}" + r"/([^/]+)/([^/]+)/([^/]+)")
_HOUR = 3_600_000  # ms
_LONGEST_PATH = 4096  # ours has about 70 characters; the rest is for a proxy's prefix


class CallbackToken(NamedTuple):
    """Message and attempt that one callback URL stands for, and until when: a URL that leaked is not good for ever."""

    message_id: str
    attempt: int
    ends: int = 0  # hours since the epoch; 0: never

    @classmethod
    def lasting(cls, message_id: str, attempt: int, until_ms: int) -> "CallbackToken":
        """The token of a URL that is good until an instant (epoch ms), and an hour or two longer, so that clocks may differ."""
        return cls(message_id, attempt, until_ms // _HOUR + 2)

    def path(self, secret: bytes) -> str:
        """Path of the callback URL, to be appended to the receiver's public base."""
        attempt = f"{self.attempt}-{self.ends}" if self.ends else str(self.attempt)
        return f"/{_FIRST}/{self.message_id}/{attempt}/{_mac(secret, self.message_id, attempt)}"

    def ended(self, now_ms: int) -> bool:
        """Whether the URL is good no more at an instant (epoch ms)."""
        return 0 < self.ends <= now_ms // _HOUR


PROBE = CallbackToken("smsrelay-probe", 1)  # no message: on its path ``smsrelay doctor`` asks whether callbacks arrive
PROBE_ANSWER = b"smsrelay receiver\n"


def token_of(secret: bytes, path: str) -> CallbackToken | None:
    """The token that a request's path ends with, or None when we did not write it.

    What stands before the last three segments is the proxies' business, and so are slashes at the end and doubled ones: the
    proof decides.
    """
    signed = _AS_WE_WROTE_IT.fullmatch(path)
    parts = list(signed.groups()) if signed else segments(path)[-3:]
    return verify(secret, *parts) if len(parts) == 3 else None


def is_bare(path: str) -> bool:
    """Whether a path is the one without a token, whatever a proxy puts before it."""
    return segments(path)[-1:] == [_FIRST]


def place_of_ours(parts: list[str]) -> int | None:
    """At which place of a path's segments ours begin, when they are not all gone."""
    return parts.index(_FIRST) if _FIRST in parts else None


def segments(path: str) -> list[str]:
    """The segments of a path, empty ones left out; none of a path that is longer than any of ours."""
    return [part for part in path.split("/") if part] if len(path) <= _LONGEST_PATH else []


def has_shape_of_ours(parts: list[str]) -> bool:
    """Whether segments end as a signed path does, whatever the proof is worth."""
    wanted = (_MESSAGE_ID, _ATTEMPT, _PROOF)
    return len(parts) >= 3 and all(one.fullmatch(part) for one, part in zip(wanted, parts[-3:], strict=True))


def verify(secret: bytes, message_id: str, attempt: str, mac: str) -> CallbackToken | None:
    """The token of a callback path, or None when we did not write it.

    The shape is checked before the proof, because the proof is over ``id:attempt`` joined: with a ``:`` allowed
    inside either, one proof would stand for several splits, among them attempts that are no number.
    """
    numbers = _ATTEMPT.fullmatch(attempt)
    if numbers is None or not _MESSAGE_ID.fullmatch(message_id):
        return None
    expected = _mac(secret, message_id, attempt)
    if not hmac.compare_digest(expected.encode(), mac.encode("utf-8", "replace")):
        return None
    return CallbackToken(message_id, int(numbers[1]), int(numbers[2] or 0))


def _mac(secret: bytes, message_id: str, attempt: str) -> str:
    proof = _keyed(secret).copy()
    proof.update(f"callback:{message_id}:{attempt}".encode("utf-8", "replace"))
    return base64.urlsafe_b64encode(proof.digest()[:_MAC_BYTES]).rstrip(b"=").decode()


@lru_cache(4)
def _keyed(secret: bytes) -> hmac.HMAC:
    """The proof of nothing yet, to be copied: putting the secret in costs as much as all the rest."""
    return hmac.new(secret, digestmod=hashlib.sha256)

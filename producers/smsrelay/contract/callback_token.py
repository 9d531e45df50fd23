"""CallbackToken: message and attempt in the path of a callback URL, signed with a key that apps do not have.

The vendor does not sign its callbacks, but takes a ``callbackUrl`` with each submit. So the URL itself carries the signature.
"""

import base64
import hashlib
import hmac
import re
from functools import lru_cache
from typing import NamedTuple

from smsrelay.contract.key_ring import KeyRing

_FIRST_SEGMENT = "callback"
_MAC_BYTES = 16
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_ATTEMPT = re.compile(r"([1-9][0-9]{0,5})(?:-([1-9][0-9]{5,6}))?")  # attempt, and the hour at which it expires
_MAC = re.compile(r"[A-Za-z0-9_\-]{22}")
_UNCHANGED_PATH = re.compile(f"/{_FIRST_SEGMENT}" + r"/([^/]+)/([^/]+)/([^/]+)")
_HOUR = 3_600_000  # ms
_LONGEST_PATH = 4096  # ours has about 70 characters; the rest allows for a proxy's prefix


class CallbackToken(NamedTuple):
    """The message and attempt that a callback URL is for. It expires, so that a leaked URL does not stay valid for ever."""

    message_id: str
    attempt: int
    expires_hour: int = 0  # hours since the epoch; 0: it never expires

    @classmethod
    def valid_until(cls, message_id: str, attempt: int, until_ms: int) -> "CallbackToken":
        """A token that is valid until an instant (epoch ms), plus one to two hours, to allow for clock skew."""
        return cls(message_id, attempt, until_ms // _HOUR + 2)

    def path(self, keys: KeyRing) -> str:
        """Path of the callback URL, to append to the receiver's public base URL; signed with the newest key."""
        attempt = f"{self.attempt}-{self.expires_hour}" if self.expires_hour else str(self.attempt)
        return f"/{_FIRST_SEGMENT}/{self.message_id}/{attempt}/{_mac(keys.newest, self.message_id, attempt)}"

    def expired(self, now_ms: int) -> bool:
        """Whether the token has expired at an instant (epoch ms)."""
        return 0 < self.expires_hour <= now_ms // _HOUR


PROBE = CallbackToken("smsrelay-probe", 1)  # not a message: ``smsrelay doctor`` calls its path to see whether callbacks arrive
PROBE_ANSWER = b"smsrelay receiver\n"


def token_from_path(keys: KeyRing, path: str) -> CallbackToken | None:
    """The token in the last three segments of a request's path; ``None`` without a valid signature.

    A proxy may put anything in front of them, and double or append slashes: only the signature counts.
    """
    signed = _UNCHANGED_PATH.fullmatch(path)  # fast path: no proxy changed it
    parts = list(signed.groups()) if signed else path_segments(path)[-3:]
    return verify(keys, *parts) if len(parts) == 3 else None


def is_unsigned_path(path: str) -> bool:
    """Whether this is the path without a token, ``/callback``, whatever a proxy puts in front of it."""
    return path_segments(path)[-1:] == [_FIRST_SEGMENT]


def callback_segment(parts: list[str]) -> int | None:
    """Index of the segment ``callback`` in a path that a proxy may have changed; ``None`` without one."""
    return parts.index(_FIRST_SEGMENT) if _FIRST_SEGMENT in parts else None


def path_segments(path: str) -> list[str]:
    """The segments of a path without empty ones; an empty list for a path that is too long to be ours."""
    return [part for part in path.split("/") if part] if len(path) <= _LONGEST_PATH else []


def looks_signed(parts: list[str]) -> bool:
    """Whether the last segments have the form of a signed path; the signature itself is not checked."""
    wanted = (_MESSAGE_ID, _ATTEMPT, _MAC)
    return len(parts) >= 3 and all(one.fullmatch(part) for one, part in zip(wanted, parts[-3:], strict=True))


def verify(keys: KeyRing, message_id: str, attempt: str, mac: str) -> CallbackToken | None:
    """The token that these segments make; ``None`` without a valid signature by one of the keys.

    The format is checked first, because ``id:attempt`` is signed as one string: if either could contain a ``:``, one signature
    would be valid for several splits, some of which have an attempt that is not a number.
    """
    numbers = _ATTEMPT.fullmatch(attempt)
    if numbers is None or not _MESSAGE_ID.fullmatch(message_id):
        return None
    given = mac.encode("utf-8", "replace")
    matches = [hmac.compare_digest(_mac(key, message_id, attempt).encode(), given) for key in keys.all]
    if not any(matches):  # of all of them, so that the time does not tell which key it was
        return None
    return CallbackToken(message_id, int(numbers[1]), int(numbers[2] or 0))


def _mac(key: bytes, message_id: str, attempt: str) -> str:
    mac = _keyed_hmac(key).copy()
    mac.update(f"callback:{message_id}:{attempt}".encode("utf-8", "replace"))
    return base64.urlsafe_b64encode(mac.digest()[:_MAC_BYTES]).rstrip(b"=").decode()


@lru_cache(8)
def _keyed_hmac(key: bytes) -> hmac.HMAC:
    """An HMAC with the key set and no message, to be copied: setting the key costs as much as the rest."""
    return hmac.new(key, digestmod=hashlib.sha256)

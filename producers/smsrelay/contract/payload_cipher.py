"""PayloadCipher: encrypts what the store holds of recipients, with AES-256-GCM, and opens it. Pure but for its random nonces.

A text is bound to its purpose and to the id that it belongs to: moved to another message, it does not open. The sealed form is
ASCII: the version ``1``, the four characters that name the key, and the nonce (12 bytes) with the ciphertext as base64url. JSON
never begins with a ``1`` and four such characters, so what was written without a key is read as it is.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, final

from smsrelay.contract.key_name import key_names
from smsrelay.contract.key_ring import KeyRing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PAYLOAD = "payload"  # purposes
UNDECODABLE = "undecodable"
CALLBACK = "callback"

_NONCE = 12  # bytes, as the mode wants it
_NAME = 4
_SEALED = re.compile(r"1(?P<key>[\w-]{4})(?P<text>[\w-]{38,})", re.ASCII)  # 28 bytes at least: the nonce and the tag


class CannotOpen(ValueError):
    """A sealed text that none of the keys opens. The text says why, and quotes nothing of it."""


@final
class PayloadCipher:
    """Seals with the newest key, opens with any. Without keys it seals nothing, and opens only what was not sealed.

    Safe to share between threads. Imports ``cryptography`` when it has keys. ``random``: secure random bytes, so many of them.
    """

    def __init__(self, keys: KeyRing | None = None, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._random = random
        self.names = key_names(keys) if keys else ()  # newest first; empty: encryption is off
        self._newest = keys.newest if keys else b""
        self._ciphers: dict[str, list[AESGCM]] = {}
        for name, key in zip(self.names, keys.all if keys else (), strict=True):
            self._ciphers.setdefault(name, []).append(_cipher(key))  # two keys may share a name, if rarely

    def seal(self, purpose: str, any_id: str, text: str, *, repeatable: bool = False) -> str:
        """The text, encrypted for the thing of that id; unchanged without keys.

        ``repeatable``: the same text for the same id gives the same form, for what may be written twice and must be there once.
        """
        if not self.names:
            return text
        plain, bound, cipher = text.encode("utf-8", "surrogatepass"), _bound(purpose, any_id), self._ciphers[self.names[0]][0]
        nonce = self._nonce_of(bound + b":" + plain) if repeatable else self._random(_NONCE)
        sealed = nonce + cipher.encrypt(nonce, plain, bound)
        return f"1{self.names[0]}{base64.urlsafe_b64encode(sealed).decode('ascii').rstrip('=')}"

    def open(self, purpose: str, any_id: str, wire: str) -> str:
        """The text again, or the same text if it was not sealed; raises ``CannotOpen``."""
        name = sealed_by(wire)
        if name is None:
            return wire
        if name not in self._ciphers:
            raise CannotOpen(f"encrypted with payload key {name}, which is not given here")
        opened = self._opened(self._ciphers[name], _bound(purpose, any_id), wire)
        if opened is None:
            raise CannotOpen(f"encrypted with payload key {name}, but damaged, or not this one's")
        return opened

    def _nonce_of(self, content: bytes) -> bytes:
        """Another one for any other content, as a random one would be."""
        return hmac.digest(self._newest, b"nonce:" + content, hashlib.sha256)[:_NONCE]

    def _opened(self, ciphers: "list[AESGCM]", bound: bytes, wire: str) -> str | None:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  an app without keys never loads it

        text = wire[1 + _NAME :]
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            return None
        for cipher in ciphers:
            try:
                return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound).decode("utf-8", "surrogatepass")
            except InvalidTag:
                continue
        return None

    def __repr__(self) -> str:
        return "PayloadCipher(…)"


PLAIN = PayloadCipher()


def sealed_by(wire: str) -> str | None:
    """The name of the key that a text was sealed with; None for one that was not sealed."""
    found = _SEALED.fullmatch(wire)
    return found["key"] if found else None


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    return AESGCM(HKDF(SHA256(), length=32, salt=None, info=b"smsrelay payload").derive(key))


def _bound(purpose: str, any_id: str) -> bytes:
    return f"smsrelay:{purpose}:{any_id}".encode()

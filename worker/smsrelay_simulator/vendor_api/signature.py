"""Verifies the AppKey signature of the Aliyun API gateway, as its signature guide and official client samples define it."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

_LINES = ("accept", "content-md5", "content-type", "date")


def string_to_sign(method: str, path: str, headers: Mapping[str, str], form: Mapping[str, str]) -> str:
    """What the client has to sign. ``headers``: with lower-case names; ``form``: decoded, the query included."""
    lines = [method, *(headers.get(name, "") for name in _LINES)]
    return "\n".join(lines) + "\n" + _signed_headers(headers) + _resource(path, form)


def signature(secret: str, text: str) -> str:
    """HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256)).decode()


def matches(given: str, secret: str, text: str) -> bool:
    """Whether ``given`` is the signature of ``text``."""
    return hmac.compare_digest(given.encode(), signature(secret, text).encode())


def _signed_headers(headers: Mapping[str, str]) -> str:
    # Clients sign the names in lower case or as X-Ca-Key; this header lists them as they were signed.
    names = [name.strip() for name in headers.get("x-ca-signature-headers", "").split(",")]
    return "".join(f"{name}:{headers.get(name.lower(), '')}\n" for name in sorted(filter(None, names)))


def _resource(path: str, form: Mapping[str, str]) -> str:
    pairs = [f"{key}={value}" if value else key for key, value in sorted(form.items())]
    return f"{path}?{'&'.join(pairs)}" if pairs else path

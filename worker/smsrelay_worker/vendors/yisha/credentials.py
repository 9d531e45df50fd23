"""Authentication at the Aliyun API gateway: an AppCode, or a signature with AppKey and AppSecret.

Takes the signed parts of a request (a ``Call``), returns headers. A credential that cannot be put in a header raises
``ValueError`` when it is created, without quoting it; after that nothing fails.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

# Part of the string to sign, so they must be sent exactly like this.
ACCEPT = "application/json"
CONTENT_TYPE = "application/x-www-form-urlencoded; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Call:
    """The parts of one form POST that a signature covers."""

    path: str
    form: Mapping[str, str] = field(repr=False)  # before percent-encoding
    nonce: str  # unique per attempt; the gateway refuses a reuse within 15 minutes
    timestamp_ms: int  # since the epoch; valid for 15 minutes


class Credentials(Protocol):
    """One way to authenticate."""

    def headers(self, call: Call) -> dict[str, str]:
        """The headers to add to this call."""
        ...


@dataclass(frozen=True, slots=True)
class AppCode:
    """Simple authentication: the code travels in every request."""

    code: str = field(repr=False)

    def __post_init__(self) -> None:
        _check("AppCode", self.code)

    def headers(self, call: Call) -> dict[str, str]:
        """``Authorization``, and the nonce, by which the gateway rejects a replayed copy of the request."""
        return {"Authorization": f"APPCODE {self.code}", "X-Ca-Nonce": call.nonce}


@dataclass(frozen=True, slots=True)
class AppKey:
    """Signature authentication: the secret never travels.

    Source: Alibaba Cloud API Gateway, "Request signatures" (document 29475), and Aliyun's own demo clients.
    """

    key: str = field(repr=False)
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        _check("AppKey", self.key)
        _check("AppSecret", self.secret)

    def headers(self, call: Call) -> dict[str, str]:
        """The signed headers, their list, and the signature: base64 of HMAC-SHA256 over ``string_to_sign``."""
        signed = {
            "X-Ca-Key": self.key,
            "X-Ca-Nonce": call.nonce,
            "X-Ca-Signature-Method": "HmacSHA256",
            "X-Ca-Timestamp": str(call.timestamp_ms),
        }
        digest = hmac.digest(self.secret.encode(), string_to_sign(call, signed).encode(), hashlib.sha256)
        return {
            **signed,
            "X-Ca-Signature-Headers": ",".join(sorted(signed)),
            "X-Ca-Signature": base64.b64encode(digest).decode(),
        }


def string_to_sign(call: Call, signed: Mapping[str, str]) -> str:
    """The text that the gateway rebuilds and verifies: method, four standard headers, signed headers, path and form.

    Content-MD5 stays empty because the body is a form, whose fields are signed one by one; Date because it is not sent.
    """
    lines = ["POST", ACCEPT, "", CONTENT_TYPE, ""]
    lines += [f"{name}:{signed[name]}" for name in sorted(signed)]
    # A blank value is signed as its bare key.
    fields = [f"{name}={value}" if value.strip() else name for name, value in sorted(call.form.items())]
    return "\n".join(lines) + f"\n{call.path}?{'&'.join(fields)}"


def _check(name: str, value: str) -> None:
    # Checked here because the transport's own exception would quote the whole header.
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise ValueError(f"{name}: must be printable ASCII without surrounding spaces, and not empty")

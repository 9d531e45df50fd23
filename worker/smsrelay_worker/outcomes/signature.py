"""Signature of a webhook by Standard Webhooks 1.0.0: HMAC-SHA256 over id, timestamp and body. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence


def signed_headers(keys: Sequence[bytes], event_id: str, at: int, body: bytes) -> Mapping[str, str]:
    """The headers that let the app verify one request; ``at`` in seconds since the epoch.

    Each key adds a signature, so that the app may have the old or the new secret while it is changed.
    """
    content = b".".join((event_id.encode(), str(at).encode(), body))
    signatures = " ".join(f"v1,{_signature(key, content)}" for key in keys)
    return {"webhook-id": event_id, "webhook-timestamp": str(at), "webhook-signature": signatures}


def _signature(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode("ascii")

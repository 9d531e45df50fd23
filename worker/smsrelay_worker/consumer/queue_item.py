"""Makes an item of a Redis queue readable for kombu before kombu parses it; pure but for a random tag.

Anybody may push anything onto a queue. Kombu raises on an item that is no envelope after it has popped it, so the item would be
lost and the worker would end. A valid envelope stays as it is. Any other item becomes the body of a new envelope, marked by a
header, so that the consumer can keep it for a person to look at.
"""

import base64
import uuid
from collections.abc import Iterable
from typing import Any

from kombu.utils.json import dumps, loads

WRAPPED = "smsrelay-wrapped"  # header that marks a wrapped item
_UNREADABLE = (
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    LookupError,
    RecursionError,
)  # by kombu's JSON with its typed values
_MAX_DEPTH = 64  # of nested lists and objects; writing takes more of the stack than reading, and would fail
_TEXTS = ("content-type", "content-encoding", "body")


def readable_item(item: bytes, queue: str) -> bytes:
    """The item as an envelope that kombu can read and that is requeued to ``queue``."""
    envelope = _envelope(item)
    if envelope is None or _fault(envelope) is not None:
        return _wrapped(item, queue)
    info = envelope["properties"]["delivery_info"]
    if (info.get("exchange"), info.get("routing_key")) == ("", queue):
        return item
    # Otherwise it would be requeued to a queue that nobody reads.
    info |= {"exchange": "", "routing_key": queue}
    return str(dumps(envelope)).encode()


def is_readable(item: bytes | str) -> bool:
    """Whether kombu can read the item as it is."""
    envelope = _envelope(item)
    return envelope is not None and _fault(envelope) is None


def why_unreadable(item: bytes) -> str:
    """Why an item had to be wrapped, in words that quote nothing of it. Checked again, because anybody can set the header."""
    envelope = _envelope(item)
    return "no envelope: " + ("not JSON" if envelope is None else _fault(envelope) or "wrapped by somebody else")


def _envelope(item: bytes | str) -> Any:
    try:
        return loads(item)
    except _UNREADABLE:
        return None


def _fault(envelope: Any) -> str | None:
    """What kombu would fail on."""
    if not isinstance(envelope, dict):
        return "not an object"
    headers, properties = envelope.get("headers"), envelope.get("properties")
    if not isinstance(headers, dict) or not isinstance(properties, dict):
        return "headers or properties is not an object"
    if _is_deep(envelope):
        return "nested too deep"
    return _fault_of_properties(properties) or _fault_of_body(envelope, properties.get("body_encoding"))


def _fault_of_properties(properties: dict[str, Any]) -> str | None:
    if not isinstance(properties.get("delivery_info"), dict):
        return "delivery_info is not an object"
    if not _is_tag(properties.get("delivery_tag")):
        return "delivery_tag is not a text"
    if not isinstance(properties.get("priority"), int | str | None):
        return "priority is not a whole number"
    return None


def _fault_of_body(envelope: dict[str, Any], encoding: Any) -> str | None:
    if not all(isinstance(envelope.get(name), str | None) for name in _TEXTS):
        return "body or its content type is not a text"
    body = envelope.get("body") or ""
    is_base64 = encoding == "base64"  # kombu knows this spelling only, but UTF-8 in any
    if not (is_base64 or encoding is None or (isinstance(encoding, str) and encoding.lower() == "utf-8")):
        return "unknown encoding of the body"
    try:
        base64.b64decode(body) if is_base64 else body.encode()
    except ValueError:
        return "the body is not what its encoding says"
    return None


def _is_tag(tag: Any) -> bool:
    if isinstance(tag, bool):  # a number in Python, but Redis accepts none
        return False
    return isinstance(tag, int) or (isinstance(tag, str) and tag.isascii() and tag != "")


def _is_deep(value: Any) -> bool:
    """Whether it is nested too deep to be written again from anywhere on the stack."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [inner for one in level for inner in _containers_in(one)]
        if not level:
            return False
    return True


def _containers_in(value: Any) -> Iterable[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inner if isinstance(one, dict | list)]


def _wrapped(item: bytes, queue: str) -> bytes:
    properties = {
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
        "delivery_info": {"exchange": "", "routing_key": queue},
        "delivery_mode": 2,
        "priority": 0,
    }
    envelope = {
        "body": base64.b64encode(item).decode("ascii"),
        "content-type": "application/octet-stream",
        "content-encoding": "binary",
        "headers": {WRAPPED: True},
        "properties": properties,
    }
    return str(dumps(envelope)).encode()

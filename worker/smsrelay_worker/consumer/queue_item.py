"""An item of a Redis queue, before kombu has read it: whole, or wrapped so that it can be kept. Pure but for a random tag.

Enters: the bytes that somebody pushed onto a queue of ours. Leaves: an envelope that kombu reads without a fault. One that is
whole stays as it is; in place of any other comes an envelope whose body is the item, marked by a header. Kombu itself raises on
such an item after it has taken it: the item would be gone, and the worker with it.
"""

import base64
import uuid
from collections.abc import Iterable
from typing import Any

from kombu.utils.json import dumps, loads

WRAPPED = "smsrelay-wrapped"  # header of a wrapped item
_ENCODINGS = {None, "utf-8", "base64"}
_UNREADABLE = (ValueError, TypeError, AttributeError, ArithmeticError, LookupError, RecursionError)  # of JSON with typed values
_DEEPEST = 64  # of lists and objects in each other; a writer stands deeper on the stack than the reader, and would fail
_TEXTS = ("content-type", "content-encoding", "body")


def readable(item: bytes, queue: str) -> bytes:
    """An envelope for kombu, with ``queue`` as where it goes when it is given back."""
    envelope = _envelope(item)
    if envelope is None or _flaw(envelope) is not None:
        return _wrapped(item, queue)
    info = envelope["properties"]["delivery_info"]
    if (info.get("exchange"), info.get("routing_key")) == ("", queue):
        return item
    # Else the broker would give it back to a queue that nobody reads.
    info |= {"exchange": "", "routing_key": queue}
    return str(dumps(envelope)).encode()


def whole(item: bytes | str) -> bool:
    """Whether kombu can read it as it stands."""
    envelope = _envelope(item)
    return envelope is not None and _flaw(envelope) is None


def flaw(item: bytes) -> str:
    """Why an item had to be wrapped, in words that quote nothing of it; said anew, because anybody can set a header."""
    envelope = _envelope(item)
    return "no envelope: " + ("not JSON" if envelope is None else _flaw(envelope) or "wrapped by somebody else")


def _envelope(item: bytes | str) -> Any:
    try:
        return loads(item)
    except _UNREADABLE:
        return None


def _flaw(envelope: Any) -> str | None:
    """What kombu would stumble over."""
    if not isinstance(envelope, dict):
        return "not an object"
    headers, properties = envelope.get("headers"), envelope.get("properties")
    if not isinstance(headers, dict) or not isinstance(properties, dict):
        return "headers or properties is not an object"
    if _is_deep(envelope):
        return "nested too deep"
    return _flaw_of_properties(properties) or _flaw_of_body(envelope, properties.get("body_encoding"))


def _flaw_of_properties(properties: dict[str, Any]) -> str | None:
    if not isinstance(properties.get("delivery_info"), dict):
        return "delivery_info is not an object"
    if not _is_tag(properties.get("delivery_tag")):
        return "delivery_tag is not a text"
    if not isinstance(properties.get("priority"), int | str | None):
        return "priority is not a whole number"
    return None


def _flaw_of_body(envelope: dict[str, Any], encoding: Any) -> str | None:
    if not all(isinstance(envelope.get(name), str | None) for name in _TEXTS):
        return "body or its content type is not a text"
    body = envelope.get("body") or ""
    known = encoding.lower() if isinstance(encoding, str) else encoding
    if not isinstance(known, str | None) or known not in _ENCODINGS:
        return "unknown encoding of the body"
    try:
        base64.b64decode(body) if known == "base64" else body.encode()
    except ValueError:
        return "the body is not what its encoding says"
    return None


def _is_tag(tag: Any) -> bool:
    if isinstance(tag, bool):  # to Python a number, and to Redis nothing that it takes
        return False
    return isinstance(tag, int) or (isinstance(tag, str) and tag.isascii() and tag != "")


def _is_deep(value: Any) -> bool:
    """Whether it is nested deeper than anything that can be written again wherever that has to be."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
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

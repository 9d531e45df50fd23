"""Describes the structure of an unreadable callback: the names and types of its keys, no values; pure.

The description is logged, so its length is bounded, and a name that may be a phone number or a code is shown as ``?``.
"""

import re

from smsrelay.receiver.callback.text import candidate_documents, container

_MAX_NAMES = 16  # of one object
_MAX_DEPTH = 3  # nested objects and lists
_MAX_LENGTH = 400  # characters in all
_SAFE_NAME = re.compile(r"(?!.*[0-9].*[0-9].*[0-9])[A-Za-z_][A-Za-z0-9_.\-]{0,31}", re.ASCII)  # two digits at most
_TYPES = {bool: "flag", int: "number", float: "number", type(None): "null"}


def body_shape(body: bytes, content_type: str | None) -> str:
    """The structure of a body, in one line."""
    for found in candidate_documents(body, content_type):
        if not (
            isinstance(found, dict) and len(found) == 1 and "" in found.values()
            # Any text parses as a form with one empty field.
        ):
            return json_shape(found)
    beginning = body.lstrip()[:1]
    kind = "empty" if not beginning else "XML" if beginning == b"<" else "truncated JSON" if beginning in b'{["' else "bytes"
    return f"{kind}, {len(body)} bytes"


def json_shape(value: object) -> str:
    """The structure of a JSON value, in one line."""
    described = _described(value, _MAX_DEPTH)
    return described if len(described) <= _MAX_LENGTH else f"{described[:_MAX_LENGTH]}…"


def _described(value: object, depth: int) -> str:
    if isinstance(value, str):
        inner = container(value)
        return "text" if inner is None else f"text of {_described(inner, depth)}"
    if isinstance(value, dict):
        return _object(value, depth)
    if isinstance(value, list):
        first = _described(value[0], depth - 1) if value and depth > 0 else "…" if value else ""
        return f"list of {len(value)} [{first}]"
    return _TYPES.get(type(value), "unknown")


def _object(fields: dict[str, object], depth: int) -> str:
    if depth == 0:
        return f"object of {len(fields)} {{…}}"
    shown = [f"{_name(name)}: {_described(part, depth - 1)}" for name, part in list(fields.items())[:_MAX_NAMES]]
    return "{" + ", ".join([*shown, *(["…"] if len(fields) > _MAX_NAMES else [])]) + "}"


def _name(name: str) -> str:
    return name if _SAFE_NAME.fullmatch(name) else "?"

"""What a callback that nobody could read looks like: the names and types of its keys, and nothing that stands under them; pure.

A line of it goes into the log, so it is bounded, and a name that could be somebody's number or code is shown as ``?``.
"""

import re

from smsrelay.receiver.callback.text import candidate_documents, container

_NAMES = 16  # of one object
_DEEP = 3  # objects and lists within each other
_LONGEST = 400  # characters in all
_NAME = re.compile(r"(?!.*[0-9].*[0-9].*[0-9])[A-Za-z_][A-Za-z0-9_.\-]{0,31}", re.ASCII)  # two digits at most
_TYPES = {bool: "flag", int: "number", float: "number", type(None): "null"}


def body_shape(body: bytes, content_type: str | None) -> str:
    """How a body looks, in one line."""
    for found in candidate_documents(body, content_type):
        if not (isinstance(found, dict) and len(found) == 1 and "" in found.values()):  # any text is a form of one empty field
            return json_shape(found)
    beginning = body.lstrip()[:1]
    kind = "empty" if not beginning else "XML" if beginning == b"<" else "cut JSON" if beginning in b'{["' else "bytes"
    return f"{kind}, {len(body)} bytes"


def json_shape(value: object) -> str:
    """How a value of JSON looks, in one line."""
    told = _described(value, _DEEP)
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


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
    shown = [f"{_name(name)}: {_described(part, depth - 1)}" for name, part in list(fields.items())[:_NAMES]]
    return "{" + ", ".join([*shown, *(["…"] if len(fields) > _NAMES else [])]) + "}"


def _name(name: str) -> str:
    return name if _NAME.fullmatch(name) else "?"

"""Absent fields: what other languages write where a field has no value, read as if the field were not there.

Go writes ``null`` for a nil slice and for a nil pointer. PHP writes ``[]`` for an empty object, Lua ``{}`` for an empty list.
Nothing that holds a value is read as absent.
"""

from collections.abc import Collection, Mapping
from typing import Any

_ANNOTATIONS = ("default", "description", "title")  # of a property in a JSON Schema; they stand beside anyOf


def is_empty(value: object) -> bool:
    """Whether it is ``null``, ``[]`` or ``{}``."""
    return value is None or (isinstance(value, list | dict) and not value)


def without_absent(wire: object, optional: Collection[str], containers: Collection[str]) -> object:
    """The value without its absent fields: ``optional`` ones that are ``null``, and ``containers`` that are empty."""
    if not isinstance(wire, Mapping):
        return wire
    return {
        name: value
        for name, value in wire.items()
        if not ((value is None and name in optional) or (name in containers and is_empty(value)))
    }


def allow_absent(schema: dict[str, Any], containers: Collection[str]) -> None:
    """Let a model's JSON Schema take what ``without_absent`` takes."""
    for name in schema["properties"].keys() - set(schema.get("required", ())):
        schema["properties"][name] = _or_absent(schema["properties"][name], name in containers)


def _or_absent(described: dict[str, Any], container: bool) -> dict[str, Any]:
    annotations = {key: described[key] for key in _ANNOTATIONS if key in described}
    value = {key: part for key, part in described.items() if key not in annotations}
    options = [option for option in value.get("anyOf", [value]) if option != {"type": "null"}]
    if container:
        empty = {"type": "object", "maxProperties": 0} if value["type"] == "array" else {"type": "array", "maxItems": 0}
        options.append(empty)
    return {"anyOf": [*options, {"type": "null"}], **annotations}

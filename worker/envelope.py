"""Envelope: what a Celery task message of anybody may carry into a worker; pure.

Enters: headers and decoded body as they came. Leaves: what is wrong with their shape, if anything; and for a message that is
not our own, headers and body with nothing in them but task, id, arguments. A foreign client's other headers would make Celery
keep the task for a time of its own, drop it unseen, call others after it, or show names that hold a number.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from producers.task import ORIGIN, protocol_headers

_NAMESPACE = uuid.UUID("2f5b6c1e-4a0d-5f3e-9a57-7b8a4f0d6c21")
Body = tuple[list[Any], dict[str, Any], dict[str, Any]]


def fault(headers: Mapping[str, Any], payload: object) -> str | None:
    """Why Celery could not work with a message, in words that quote nothing of it."""
    named = payload if not headers.get("task") and isinstance(payload, Mapping) else headers
    for key in ("task", "id"):
        if not isinstance(named.get(key), str) or not named[key]:
            return f"no Celery task: {key} is not a text"
    if named is payload:
        args, kwargs, embed = named.get("args", []), named.get("kwargs", {}), None
    elif isinstance(payload, list | tuple) and len(payload) == 3:
        args, kwargs, embed = payload
    else:
        return "no Celery task: the body is not [args, kwargs, embed]"
    if not isinstance(args, list | tuple):
        return "args is not a list"
    if not isinstance(kwargs, Mapping | None) or not isinstance(embed, Mapping | None):
        return "kwargs or embed is not an object"
    return None


def is_ours(headers: Mapping[str, Any]) -> bool:
    """Whether our own publisher wrote a message; only then what it says of itself may be shown."""
    return headers.get("origin") == ORIGIN


def foreign_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Headers for a message of another client. An id that is no UUID, which may be a number, becomes one, always the same."""
    task_id = _uuid_of(str(headers["id"]))
    return protocol_headers(headers["task"], task_id, args="(not shown)", kwargs="(not shown)", origin="foreign")


def foreign_body(payload: Any) -> Body:
    """Arguments of a message of another client, in whichever protocol, without what is to be called after it."""
    if isinstance(payload, Mapping):
        return list(payload.get("args") or []), dict(payload.get("kwargs") or {}), {}
    return list(payload[0]), dict(payload[1] or {}), {}


def shown_id(task_id: str | None) -> str | None:
    """A task's id as it may be shown, whoever chose it."""
    return None if task_id is None else _uuid_of(task_id)


def _uuid_of(task_id: str) -> str:
    try:
        return str(uuid.UUID(task_id))
    except ValueError:
        return str(uuid.uuid5(_NAMESPACE, task_id))

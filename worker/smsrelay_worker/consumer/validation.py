"""Envelope: what a Celery task message of anybody may carry into a worker; pure.

Takes headers and decoded body as they came. Returns what is wrong with them, if anything; and headers and body with nothing in
them but task, id and arguments. Any other header could make Celery keep the task for a time of its own, drop it unseen, call
others after it, show names that hold a number, or raise in the middle of the consumer. Anybody who can publish can write
``origin: smsrelay``, so messages of our own publisher pass the same allow list; only the text shown for their arguments is kept.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from smsrelay.broker.task_message import NAMES, ORIGIN, protocol_headers

_NOT_SHOWN = "(not shown)"
_LONGEST_SHOWN = 500  # characters of what stands for the arguments
_NAMESPACE = uuid.UUID("2f5b6c1e-4a0d-5f3e-9a57-7b8a4f0d6c21")
Body = tuple[list[Any], dict[str, Any], dict[str, Any]]


def fault(headers: Mapping[str, Any], payload: object) -> str | None:
    """Why Celery could not work with a message, in words that quote nothing of it."""
    named = payload if not headers.get("task") and isinstance(payload, Mapping) else headers
    for key in ("task", "id"):
        if not isinstance(named.get(key), str) or not named[key]:
            return f"no Celery task: {key} is not a text"
    if named["task"] not in NAMES:
        return "unknown task name"
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


def admitted_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that Celery gets to see. An id that is no UUID, which may be a number, becomes one, always the same."""
    named, task_id = headers["task"], _uuid_of(headers["id"])
    shown = headers.get("kwargsrepr") if headers.get("origin") == ORIGIN else None
    if isinstance(shown, str) and len(shown) <= _LONGEST_SHOWN and shown.isprintable():
        return protocol_headers(named, task_id, args="()", kwargs=shown, origin=ORIGIN)
    return protocol_headers(named, task_id, args=_NOT_SHOWN, kwargs=_NOT_SHOWN, origin="foreign")


def admitted_body(payload: Any) -> Body:
    """A message's arguments, in whichever protocol, as two positional ones, and nothing that is to be called after it.

    A foreign client may give its keywords any name, and Python or Celery has a parameter of that name somewhere: ``self``, say.
    """
    args, kwargs = (payload.get("args"), payload.get("kwargs")) if isinstance(payload, Mapping) else payload[:2]
    return [list(args or []), dict(kwargs or {})], {}, {}


def shown_id(task_id: str | None) -> str | None:
    """A task's id as it may be shown, whoever chose it."""
    return None if task_id is None else _uuid_of(task_id)


def _uuid_of(task_id: str) -> str:
    try:
        return str(uuid.UUID(task_id))
    except ValueError:
        return str(uuid.uuid5(_NAMESPACE, task_id.encode("utf-8", "backslashreplace").decode()))  # half an emoji, say

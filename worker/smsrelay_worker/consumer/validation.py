"""What a Celery task message may carry into a worker, whoever published it; pure functions.

``why_invalid`` says what is wrong with a message. ``allowed_headers`` and ``allowed_body`` reduce it to its task, id and
arguments. Any other header could make Celery delay the task, drop it silently, call further tasks after it, show a phone number,
or raise in the middle of the consumer. Anybody who can publish can write ``origin: smsrelay``, so messages of our own publisher
pass the same allow list; theirs keep the text shown in place of the arguments.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from smsrelay.broker.task_message import NAMES, ORIGIN, protocol_headers
from smsrelay.contract.absent import is_empty

_NOT_SHOWN = "(not shown)"
_MAX_SHOWN = 500  # characters of the text shown in place of the arguments
_NAMESPACE = uuid.UUID("2f5b6c1e-4a0d-5f3e-9a57-7b8a4f0d6c21")
Body = tuple[list[Any], dict[str, Any], dict[str, Any]]


def why_invalid(headers: Mapping[str, Any], payload: object) -> str | None:
    """Why Celery could not work with a message, in words that quote nothing of it; None when it can."""
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
    if not (isinstance(args, list | tuple) or is_empty(args)):
        return "args is not a list"
    if not all(isinstance(given, Mapping) or is_empty(given) for given in (kwargs, embed)):
        return "kwargs or embed is not an object"
    return None


def allowed_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that Celery gets to see. An id that is no UUID may be a phone number, so a UUID derived from it replaces it."""
    named, task_id = headers["task"], _uuid_of(headers["id"])
    shown = headers.get("kwargsrepr") if headers.get("origin") == ORIGIN else None
    if isinstance(shown, str) and len(shown) <= _MAX_SHOWN and shown.isprintable():
        return protocol_headers(named, task_id, args="()", kwargs=shown, origin=ORIGIN)
    return protocol_headers(named, task_id, args=_NOT_SHOWN, kwargs=_NOT_SHOWN, origin="foreign")


def allowed_body(payload: Any) -> Body:
    """A message's args and kwargs, of either protocol version, as two positional arguments, without tasks to call after it.

    Positional because a foreign client may name its keywords as it likes, for example ``self``, and Python or Celery would have a
    parameter of that name.
    """
    args, kwargs = (payload.get("args"), payload.get("kwargs")) if isinstance(payload, Mapping) else payload[:2]
    return [list(args or []), dict(kwargs or {})], {}, {}


def loggable_id(task_id: str | None) -> str | None:
    """A task's id in a form that may be logged, whoever chose it."""
    return None if task_id is None else _uuid_of(task_id)


def _uuid_of(task_id: str) -> str:
    try:
        return str(uuid.UUID(task_id))
    except ValueError:
        return str(uuid.uuid5(_NAMESPACE, task_id.encode("utf-8", "backslashreplace").decode()))  # it may hold a lone surrogate

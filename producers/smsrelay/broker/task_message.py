"""A Celery task message as a value: protocol 2, JSON, written by hand so that no app needs Celery to enqueue.

Enters: task name and keyword arguments (ids and events, never a person). Leaves: headers and body for kombu.
The representations that Flower shows are set here; they name what a person watching needs, and nothing else.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

ATTEMPT = "sms.attempt"
SEND = "sms.send"
STATUS = "sms.status"
PULL = "sms.pull"

NAMES = frozenset({ATTEMPT, SEND, STATUS, PULL})  # of every task there is; Celery brings others, which nobody may call

ORIGIN = "smsrelay"  # marks tasks whose shown arguments we wrote ourselves


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """One Celery task, ready to publish."""

    name: str
    queue: str
    kwargs: dict[str, Any] | str  # as a value, or in JSON already
    shown: str  # what Flower and logs show in place of the arguments
    task_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def headers(self) -> dict[str, Any]:
        """Celery protocol 2 headers."""
        return protocol_headers(self.name, self.task_id, args="()", kwargs=self.shown, origin=ORIGIN)

    @property
    def body(self) -> str:
        """Celery protocol 2 body, in JSON: args, kwargs, embedded callbacks."""
        kwargs = self.kwargs if isinstance(self.kwargs, str) else json.dumps(self.kwargs)
        return f'[[], {kwargs}, {{"callbacks": null, "errbacks": null, "chain": null, "chord": null}}]'


def protocol_headers(task: object, task_id: str, *, args: str, kwargs: str, origin: str) -> dict[str, Any]:
    """Headers of Celery's protocol 2, with ``args`` and ``kwargs`` as they are shown.

    ``ignore_result`` because the record, not a result backend, is the truth.
    """
    return {
        "lang": "py",
        "task": task,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": [None, None],
        "argsrepr": args,
        "kwargsrepr": kwargs,
        "origin": origin,
        "ignore_result": True,
    }

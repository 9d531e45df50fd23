"""TaskMessage: a Celery task message (protocol 2, JSON), built without Celery so that apps need not install it.

Takes the task's name and keyword arguments: ids and events, no personal data. The text that Flower shows in place of the
arguments is set here.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

ATTEMPT = "sms.attempt"
SEND = "sms.send"
STATUS = "sms.status"
PULL = "sms.pull"
OUTCOME = "sms.outcome"

NAMES = frozenset({ATTEMPT, SEND, STATUS, PULL, OUTCOME})  # all of ours; Celery registers others, which nobody may call

ORIGIN = "smsrelay"  # marks tasks whose displayed arguments we wrote ourselves


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """One Celery task, ready to publish."""

    name: str
    queue: str
    kwargs: dict[str, Any] | str  # a str is JSON already
    shown: str  # what Flower and the logs show in place of the arguments
    task_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    args: str = "[]"  # positional arguments, a JSON list; a task has these or ``kwargs``

    @property
    def headers(self) -> dict[str, Any]:
        """Headers of Celery's protocol 2."""
        args, kwargs = ("()", self.shown) if self.args == "[]" else (self.shown, "{}")
        return protocol_headers(self.name, self.task_id, args=args, kwargs=kwargs, origin=ORIGIN)

    @property
    def body(self) -> str:
        """Body of Celery's protocol 2, in JSON: args, kwargs, embedded callbacks."""
        kwargs = self.kwargs if isinstance(self.kwargs, str) else json.dumps(self.kwargs)
        return f'[{self.args}, {kwargs}, {{"callbacks": null, "errbacks": null, "chain": null, "chord": null}}]'


def protocol_headers(task: object, task_id: str, *, args: str, kwargs: str, origin: str) -> dict[str, Any]:
    """Headers of Celery's protocol 2; ``args`` and ``kwargs`` are the texts to show in place of the arguments.

    ``ignore_result``, because outcomes are recorded in the store and there is no result backend.
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

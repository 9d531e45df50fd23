"""Envelope: a task as kombu writes it into a Redis list, for those who write it beside other commands in one round trip.

Enters: a ``TaskMessage``, for the default exchange. Leaves: JSON text, which any consumer of kombu reads.
Nothing fails here. What kombu itself writes is compared in the tests, field by field.
"""

import base64
import json
import uuid

from smsrelay.broker.task_message import TaskMessage


def envelope(task: TaskMessage) -> str:
    """The text that ``LPUSH`` puts on the list ``task.queue``."""
    return json.dumps(
        {
            "body": base64.b64encode(task.body.encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": task.headers,
            "properties": {
                "correlation_id": task.task_id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": task.queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )

"""Envelope: a task as kombu writes it to a Redis list, so that it can be pushed together with other commands in one round trip.

For the default exchange; every kombu consumer can read it. A test compares it field by field with what kombu itself writes.
"""

import base64
import json
import uuid

from smsrelay.broker.task_message import TaskMessage


def envelope(task: TaskMessage) -> str:
    """JSON text to ``LPUSH`` on the list ``task.queue``."""
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

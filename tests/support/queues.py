"""What lies in a broker queue on Redis, read without taking it."""

import base64
import json
from typing import Any

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis


def queued(redis: StoreRedis, queue: Lane | str) -> list[dict[str, Any]]:
    """The messages of a queue as kombu wrote them, oldest first, their bodies decoded."""
    name = queue.queue if isinstance(queue, Lane) else queue
    envelopes = [json.loads(text) for text in reversed(redis.lrange(name, 0, -1))]
    return [envelope | {"body": json.loads(base64.b64decode(envelope["body"]))} for envelope in envelopes]


def published_ids(redis: StoreRedis, lane: Lane) -> list[str]:
    """The message ids that a lane's tasks name, oldest first."""
    return [message_id for envelope in queued(redis, lane) for message_id in envelope["body"][1]["ids"]]


def bodies(redis: StoreRedis, queue: str) -> list[dict[str, Any]]:
    """The keyword arguments of a queue's tasks, oldest first."""
    return [envelope["body"][1] for envelope in queued(redis, queue)]

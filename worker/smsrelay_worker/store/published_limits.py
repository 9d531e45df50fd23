"""PublishedLimits: what of the workers' limits is decided or said when a job is accepted, for apps without the limits file.

Raises ``StoreUnavailable``.
"""

from collections.abc import Mapping

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.connection import store_answers


class PublishedLimits:
    """The fields of ``sms:limits``, as ``outbox.lua`` reads them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def publish(self, fields: Mapping[str, str]) -> None:
        """Replace what was published, in one step: no job is accepted under half of it."""
        with store_answers(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(keys.LIMITS)
            for name, value in fields.items():
                pipeline.hset(keys.LIMITS, name, value)
            pipeline.execute()

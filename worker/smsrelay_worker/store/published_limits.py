"""PublishedLimits: what of the workers' limits is decided or said when a job is accepted, for apps without the limits file.

Raises ``StoreUnavailable``.
"""

from collections.abc import Mapping

from smsrelay.store.connection import StoreRedis, store_answers


class PublishedLimits:
    """The fields of ``{sms}:limits``, as ``outbox.lua`` reads them."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def publish(self, fields: Mapping[str, str]) -> None:
        """Replace what was published, in one step: no job is accepted under half of it."""
        with store_answers(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._keys.limits)
            for name, value in fields.items():
                pipeline.hset(self._keys.limits, name, value)
            pipeline.execute()

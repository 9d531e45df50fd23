"""AppMessages: finds one app's messages by looking through all records, because there is no index; in bounded memory.

Raises ``StoreUnavailable``, also when another server takes the store's place meanwhile.
"""

from collections.abc import Iterator
from typing import Any

from smsrelay.contract.job import DEFAULT_APP
from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay.store.walk import key_pages

_STEP = 500  # keys in one round trip


class AppMessages:
    """The messages of one app."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def with_outcome(self, app: str) -> Iterator[list[str]]:
        """Ids of the app's messages that had an outcome for a sink, some at a time; one that changes meanwhile may come twice."""
        prefix = self._keys.message("")
        for names in key_pages(self._redis, self._keys.message("*"), _STEP):
            with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
                for name in names:
                    pipeline.hmget(name, ["app", "out"])
                fields: list[Any] = pipeline.execute() if names else []
            of_app = [name for name, (owner, out) in zip(names, fields, strict=True) if out and (owner or DEFAULT_APP) == app]
            if of_app:
                yield [name.removeprefix(prefix) for name in of_app]

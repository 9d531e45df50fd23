"""KeptCounts: how many jobs and callbacks that could not be read are kept, and whether they grow. Raises ``StoreUnavailable``."""

import json
from dataclasses import dataclass
from typing import Any

from smsrelay.store.connection import StoreRedis, store_answers

LATELY = 3_600_000  # ms
MANY = 10  # within that time: somebody sends us what we cannot read


@dataclass(frozen=True, slots=True)
class Kept:
    """Jobs (and tasks and reports) and callbacks; of each how many are kept, and how many of them came lately, up to ``MANY``."""

    jobs: int = 0
    jobs_lately: int = 0
    callbacks: int = 0
    callbacks_lately: int = 0


class KeptCounts:
    """Safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def read(self) -> Kept:
        """All of them."""
        with store_answers():
            seconds, _ = self._redis.time()
            since = int(seconds) * 1000 - LATELY
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.llen(self._keys.undecodable)
                pipeline.zcard(self._keys.unreadable_callbacks)
                pipeline.zcount(self._keys.unreadable_callbacks, since, "+inf")
                answers: list[Any] = pipeline.execute()
        jobs, callbacks, callbacks_lately = map(int, answers)
        return Kept(jobs, self._jobs_since(since) if jobs else 0, callbacks, min(callbacks_lately, MANY))

    def _jobs_since(self, since: int) -> int:
        """The newest ones one by one, because each holds up to 64 KiB."""
        for place in range(MANY):
            with store_answers():
                line = self._redis.lindex(self._keys.undecodable, place)
            if line is None or json.loads(str(line))["at"] < since:
                return place
        return MANY

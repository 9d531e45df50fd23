"""Counts of the requests that were no callback of ours, in the store, for ``smsrelay doctor``."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from redis import Redis
from structlog.typing import FilteringBoundLogger

from smsrelay.store import keys
from smsrelay.store.connection import StoreUnavailable, store_answers

_KEPT_FOR = 24 * 3600  # seconds, after the last one

_log: FilteringBoundLogger = structlog.get_logger()


class RefusalCounts:
    """How many were refused within about a day, in the store, for ``smsrelay doctor``."""

    def __init__(self, redis: Redis, clock: Callable[[], int]) -> None:
        self._redis = redis
        self._clock = clock  # ms

    def add(self, counts: Mapping[str, int]) -> None:
        """Add to the counts; while the store is away the log alone has them."""
        try:
            with store_answers(), self._redis.pipeline() as pipeline:
                for refusal, count in counts.items():
                    pipeline.hincrby(keys.REFUSED_CALLBACKS, refusal, count)
                pipeline.hset(keys.REFUSED_CALLBACKS, "last", self._clock())
                pipeline.expire(keys.REFUSED_CALLBACKS, _KEPT_FOR)
                pipeline.execute()
        except StoreUnavailable as error:
            _log.debug("callback.refusals_not_counted", reason=str(error))

    def read(self) -> dict[str, int]:
        """Counts by what was wrong, and ``last``, an instant (ms)."""
        with store_answers():
            found: Any = self._redis.hgetall(keys.REFUSED_CALLBACKS)
        return {str(name): int(count) for name, count in found.items()}

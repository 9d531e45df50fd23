"""RefusalCounts: how many requests the receivers refused, counted in the store for ``smsrelay doctor``."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from redis import Redis
from structlog.typing import FilteringBoundLogger

from smsrelay.store import keys
from smsrelay.store.connection import StoreUnavailable, store_answers

_RETENTION = 24 * 3600  # seconds after the last refusal

_log: FilteringBoundLogger = structlog.get_logger()


class RefusalCounts:
    """Requests refused by all receivers, by reason; kept for a day after the last one."""

    def __init__(self, redis: Redis, clock: Callable[[], int]) -> None:
        self._redis = redis
        self._clock = clock  # ms

    def add(self, counts: Mapping[str, int]) -> None:
        """Add to the counts. Without the store they are lost here, and only the log has them."""
        try:
            with store_answers(), self._redis.pipeline() as pipeline:
                for refusal, count in counts.items():
                    pipeline.hincrby(keys.REFUSED_CALLBACKS, refusal, count)
                pipeline.hset(keys.REFUSED_CALLBACKS, "last", self._clock())
                pipeline.expire(keys.REFUSED_CALLBACKS, _RETENTION)
                pipeline.execute()
        except StoreUnavailable as error:
            _log.debug("callback.refusals_not_counted", reason=str(error))

    def read(self) -> dict[str, int]:
        """Counts by reason, and ``last``: when the last one came (ms)."""
        with store_answers():
            found: Any = self._redis.hgetall(keys.REFUSED_CALLBACKS)
        return {str(name): int(count) for name, count in found.items()}

"""RefusalCounts: how much the receivers and the API refused, counted in the store for ``smsrelay doctor`` and for metrics."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay.messages.tally import CALLBACKS, REFUSED, series
from smsrelay.store.connection import StoreRedis, StoreUnavailable, store_answers
from smsrelay.store.script import Call, Script

_RETENTION = 24 * 3_600_000  # ms after the last refusal

_log: FilteringBoundLogger = structlog.get_logger()


class RefusalCounts:
    """Requests refused by all receivers, by reason, kept for a day after the last one; and jobs refused by the API."""

    def __init__(self, redis: StoreRedis, clock: Callable[[], int]) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._script = Script(redis, __name__, "refusals.lua")
        self._clock = clock  # ms

    def add(self, counts: Mapping[str, int]) -> None:
        """Add to the counts of the receivers. Without the store they are lost here, and only the log has them."""
        keys, token = self._keys, secrets.token_urlsafe(12)
        named, total = [keys.counts, keys.refused, keys.refused_callbacks], {series(CALLBACKS, "refused"): sum(counts.values())}
        try:
            self._script.run(named, [token, self._clock(), _RETENTION, json.dumps(total), json.dumps(counts)])
        except StoreUnavailable as error:
            _log.debug("callback.refusals_not_counted", reason=str(error))

    @property
    def script(self) -> str:
        """Lua source of the script that ``jobs_command`` runs."""
        return self._script.source

    def jobs_command(self, token: str, counts: Mapping[str, int]) -> tuple[Any, ...]:
        """A command that counts refused jobs by reason, once for each token."""
        fields = {series(REFUSED, reason): count for reason, count in counts.items()}
        [command] = self._script.commands([Call([self._keys.counts, self._keys.refused], [token, "", "", json.dumps(fields)])])
        return command

    def read(self) -> dict[str, int]:
        """Counts by reason, and ``last``: when the last one came (ms)."""
        with store_answers():
            found: Any = self._redis.hgetall(self._keys.refused_callbacks)
        return {str(name): int(count) for name, count in found.items()}

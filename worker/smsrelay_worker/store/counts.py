"""Counts: how many messages and reports wait, for operators. Raises ``StoreUnavailable``."""

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis, store_answers


class Counts:
    """Counts of messages and reports, one command each."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def waiting(self, lane: Lane) -> int:
        """Messages of a lane that no worker has claimed yet."""
        with store_answers():
            return int(self._redis.zcard(self._keys.outbox(lane)))

    def not_final(self) -> int:
        """Messages that are not final: each has an entry in the schedule."""
        with store_answers():
            return int(self._redis.zcard(self._keys.agenda))

    def reports(self) -> int:
        """Reports that are not applied yet."""
        with store_answers():
            return int(self._redis.hlen(self._keys.reports))

    def unlisted(self) -> dict[str, int]:
        """Reports by status code, for codes that the policy does not list."""
        with store_answers():
            return {str(code): int(count) for code, count in self._redis.hgetall(self._keys.unlisted).items()}

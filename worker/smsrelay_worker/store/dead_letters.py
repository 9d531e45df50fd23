"""DeadLetterIndex: which messages failed, ended unknown or expired, within the retention. Raises ``StoreUnavailable``."""

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.connection import store_answers


class DeadLetterIndex:
    """Ids of messages that ended without a delivery; ``apply.lua`` writes it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def ids(self, since: int, expired: bool = False) -> list[str]:
        """Ids of messages that failed or ended unknown, or of those that expired, since an instant (ms); newest first."""
        with store_answers():
            return [str(one) for one in self._redis.zrange(_key(expired), "+inf", since, desc=True, byscore=True)]

    def count(self, expired: bool = False) -> int:
        """How many messages failed or ended unknown, or how many expired."""
        with store_answers():
            return int(self._redis.zcard(_key(expired)))


def _key(expired: bool) -> str:
    return keys.EXPIRED if expired else keys.DEAD

"""MessageIds: finds messages by the first characters of their ids, by looking through all keys; in bounded steps.

Raises ``StoreUnavailable``.
"""

from typing import Any

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.connection import store_answers

_STEP = 1000  # keys that the store looks at in one round trip


class MessageIds:
    """The ids of all records."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def beginning_with(self, prefix: str, most: int) -> list[str]:
        """Up to ``most`` ids that begin with a text of hexadecimal digits and hyphens; sorted, each once."""
        found, cursor = set[str](), 0
        while len(found) < most:
            with store_answers():
                page: Any = self._redis.scan(cursor, match=keys.message(f"{prefix}*"), count=_STEP)
            cursor, names = page
            found |= {str(name).removeprefix(keys.message("")) for name in names}
            if cursor == 0:
                break
        return sorted(found)[:most]

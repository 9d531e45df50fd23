"""MessageIds: finds messages by the first characters of their ids, by looking through all keys; in bounded steps.

Raises ``StoreUnavailable``.
"""

from typing import Any

from smsrelay.store.connection import StoreRedis, store_answers

_STEP = 1000  # keys that the store looks at in one round trip


class MessageIds:
    """The ids of all records."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def beginning_with(self, prefix: str, most: int) -> list[str]:
        """Up to ``most`` ids that begin with a text of hexadecimal digits and hyphens; sorted, each once."""
        found, cursor = set[str](), 0
        while len(found) < most:
            more, cursor = self.some_beginning_with(prefix, cursor, 1)
            found |= more
            if cursor == 0:
                break
        return sorted(found)[:most]

    def some_beginning_with(self, prefix: str, cursor: int, steps: int) -> tuple[set[str], int]:
        """Those among the next keys, a thousand each step, and where to go on; 0: that was all. Begins with ``cursor`` 0."""
        found = set[str]()
        for _ in range(steps):
            with store_answers():
                page: Any = self._redis.scan(cursor, match=self._keys.message(f"{prefix}*"), count=_STEP)
            cursor, names = page
            found |= {str(name).removeprefix(self._keys.message("")) for name in names}
            if cursor == 0:
                break
        return found, cursor

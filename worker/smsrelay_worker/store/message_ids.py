"""MessageIds: finds messages by the first characters of their ids, by looking through all keys; in bounded steps.

Raises ``StoreUnavailable``; ``AnotherServer`` when another server takes the store's place meanwhile.
"""

from smsrelay.store.connection import StoreRedis
from smsrelay.store.walk import BEGINNING, Place, next_keys

_STEP = 1000  # keys that the store looks at in one round trip


class MessageIds:
    """The ids of all records."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def beginning_with(self, prefix: str, most: int) -> list[str]:
        """Up to ``most`` ids that begin with a text of hexadecimal digits and hyphens; sorted, each once."""
        found = set[str]()
        place: Place | None = BEGINNING
        while len(found) < most and place is not None:
            more, place = self.some_beginning_with(prefix, place, 1)
            found |= more
        return sorted(found)[:most]

    def some_beginning_with(self, prefix: str, place: Place, steps: int) -> tuple[set[str], Place | None]:
        """Those among the next keys, a thousand each step, and where to go on; None: that was all."""
        found = set[str]()
        further: Place | None = place
        for _ in range(steps):
            if further is None:
                break
            names, further = next_keys(self._redis, further, self._keys.message(f"{prefix}*"), _STEP)
            found |= {name.removeprefix(self._keys.message("")) for name in names}
        return found, further

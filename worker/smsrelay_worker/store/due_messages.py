"""DueMessages: the agenda, which holds the next time at which something must happen to each message that is not final.

Raises ``StoreUnavailable``.
"""

from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay.store.script import Script

_TAKEN_FOR = 10_000  # ms after which an entry that was taken and not acted on is due again


class DueMessages:
    """The agenda's entries whose time has come; safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._take = Script(redis, __name__, "due.lua")

    def take(self, at_most: int) -> list[str]:
        """Ids of messages that are due, the longest overdue first. Nobody else gets them for ten seconds."""
        return list(self._take.run([self._keys.agenda], [at_most, _TAKEN_FOR]))

    def forget(self, message_id: str) -> None:
        """Remove the entry of a message that no longer exists."""
        with store_answers():
            self._redis.zrem(self._keys.agenda, message_id)

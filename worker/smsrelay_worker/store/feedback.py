"""Feedback: what an app says of a message once it knows: that the recipient used the code.

A field of the record, set once; it is no transition and changes nothing about what follows. Raises ``StoreUnavailable``.
"""

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.script import Script


class Feedback:
    """Safe to share between threads."""

    def __init__(self, redis: Redis) -> None:
        self._note = Script(redis, __name__, "feedback.lua")

    def used(self, message_id: str) -> int | None:
        """Note that the code was used; returns when it was noted first (ms), or None if there is no such message."""
        noted = self._note.run([keys.message(message_id)], [])
        return None if noted is None else int(noted)

"""Feedback: what an app says of a message once it knows: that the recipient used the code.

A field of the record, set once; it is no transition and changes nothing about what follows. A code that was used is counted, by
the day on which it was accepted and by country (``store.code_counts``).
"""

from typing import Any

from smsrelay.store.connection import StoreRedis
from smsrelay.store.script import Call, Script
from smsrelay_worker.store.code_counts import DAYS, LIFETIME


class Feedback:
    """Makes the command that notes it, and reads its answer; sends nothing itself."""

    def __init__(self, redis: StoreRedis) -> None:
        self._keys = redis.store_keys
        self._note = Script(redis, __name__, "feedback.lua")

    @property
    def script(self) -> str:
        """Source of the script, for ``SCRIPT LOAD``."""
        return self._note.source

    def command(self, message_id: str) -> tuple[Any, ...]:
        """The command that notes that the code was used."""
        [command] = self._note.commands([Call([self._keys.message(message_id), self._keys.codes], [DAYS, LIFETIME])])
        return command

    def read(self, answer: Any) -> int | None:
        """When it was noted first (ms), or None if there is no such message."""
        return None if answer is None else int(answer)

"""HaltedMessages: the messages that a halt of everything deferred, and how they become due again when it is over.

Once woken they become due one after the other, at the rate (``smsrelay.store.traffic.held_messages``), and any worker's scheduler
takes them up within a second. The cost grows with how many there are.
Raises ``StoreUnavailable``: the ones not woken by then are due when their own delay ends, at most half a minute later, and waking
them again is harmless.
"""

from smsrelay.store.connection import StoreRedis
from smsrelay.store.traffic.held_messages import EVERYTHING, HeldMessages


class HaltedMessages:
    """Safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._held = HeldMessages(redis)

    def count(self) -> int:
        """How many messages a halt deferred; raises ``StoreUnavailable``."""
        return self._held.count()

    def wake_all(self, rate: float) -> int:
        """Make every deferred message due, the first one now and ``rate`` a second; returns how many there were.

        Raises ``StoreUnavailable``.
        """
        self._held.begin()
        return self._held.release_all(EVERYTHING, rate)

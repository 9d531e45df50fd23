"""LostTasks: what was published and never arrived at a worker, found by its place in the outbox of its lane (``lost.lua``).

Raises ``StoreUnavailable``.
"""

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay.store.script import Script


class LostTasks:
    """Wake-ups and reports that a queue lost. What is taken here counts as published now; safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._keys = redis.store_keys
        self._lost = Script(redis, __name__, "lost.lua")

    def take(self, lane: Lane, grace: float, at_most: int, queue_is_empty: bool) -> list[str]:
        """Ids of messages whose wake-up is lost; ``grace`` in seconds."""
        return self._take(
            [self._keys.outbox(lane), self._keys.taken(lane), self._keys.marks(lane)], grace, at_most, queue_is_empty
        )

    def take_reports(self, grace: float, at_most: int, queue_is_empty: bool) -> list[str]:
        """Inbox keys of reports whose task is lost; ``grace`` in seconds."""
        return self._take(
            [self._keys.reports_outbox, self._keys.reports_taken, self._keys.reports_marks], grace, at_most, queue_is_empty
        )

    def _take(self, named: list[str], grace: float, at_most: int, queue_is_empty: bool) -> list[str]:
        return list(self._lost.run([*named, self._keys.place], [int(grace * 1000), at_most, int(queue_is_empty)]))

"""LostTasks: what was published and never arrived at a worker, found by its place in the outbox of its lane (``lost.lua``).

Raises ``StoreUnavailable``.
"""

from redis import Redis

from smsrelay.contract.lanes import Lane
from smsrelay.store import keys
from smsrelay.store.script import Script


class LostTasks:
    """Wake-ups and reports that a queue lost. What is taken here counts as published now; safe to share between threads."""

    def __init__(self, redis: Redis) -> None:
        self._lost = Script(redis, __name__, "lost.lua")

    def take(self, lane: Lane, grace: float, at_most: int, queue_is_empty: bool) -> list[str]:
        """Ids of messages whose wake-up is lost; ``grace`` in seconds."""
        return self._take([keys.outbox(lane), keys.taken(lane), keys.marks(lane)], grace, at_most, queue_is_empty)

    def take_reports(self, grace: float, at_most: int, queue_is_empty: bool) -> list[str]:
        """Inbox keys of reports whose task is lost; ``grace`` in seconds."""
        return self._take([keys.REPORTS_OUTBOX, keys.REPORTS_TAKEN, keys.REPORTS_MARKS], grace, at_most, queue_is_empty)

    def _take(self, named: list[str], grace: float, at_most: int, queue_is_empty: bool) -> list[str]:
        return list(self._lost.run([*named, keys.PLACE], [int(grace * 1000), at_most, int(queue_is_empty)]))

"""FailedReports: counts how often applying a report raised an unexpected exception, and sets it aside after too many tries.

Raises ``StoreUnavailable``.
"""

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.store.connection import StoreRedis
from smsrelay.store.inbox import report_key
from smsrelay.store.script import Script
from smsrelay_worker.store.undecodable import UNDECODABLE_CAP, Undecodable

REPORT_TRIES = 5  # failures of a report before it is kept for a person


class FailedReports:
    """Failures by report; safe to share between threads. ``retention`` in seconds."""

    def __init__(self, redis: StoreRedis, retention: float) -> None:
        self._keys = redis.store_keys
        self._retention = int(retention * 1000)
        self._failed = Script(redis, __name__, "failed.lua")

    def count(self, event: StatusEvent, reason: str) -> bool:
        """Count one more failure; True once the report is kept for a person and not tried again."""
        keys = self._keys
        named = [keys.reports, keys.reports_outbox, keys.reports_keys, keys.reports_tries, keys.undecodable, keys.counts]
        kept = Undecodable.now(STATUS_QUEUE, f"{reason} in {REPORT_TRIES} tries; the log says where", event.encode_text())
        args = (report_key(event), REPORT_TRIES, kept.encode(), UNDECODABLE_CAP, self._retention)
        return bool(self._failed.run(named, args))

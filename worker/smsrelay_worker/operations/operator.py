"""Operator: what a person's commands look at and may change, wired without anything that only a worker needs.

Enters: ``OperatorSettings``. Leaves: store, limit, what a halt put off, and who is alive. Nothing connects before
its first use, nothing fails here.
"""

from dataclasses import dataclass
from typing import Self

from smsrelay.store.connection import open_store
from smsrelay_worker.rate_limit.halted_messages import HaltedMessages
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.counts import Counts
from smsrelay_worker.store.dead_letters import DeadLetterIndex
from smsrelay_worker.store.records import Records
from smsrelay_worker.store.undecodable import UndecodableTasks
from smsrelay_worker.store.worker_registry import WorkerRegistry


@dataclass(frozen=True, slots=True)
class Operator:
    """The parts that commands share with workers."""

    records: Records
    counts: Counts
    dead: DeadLetterIndex
    undecodable: UndecodableTasks
    limiter: RateLimiter
    halted_messages: HaltedMessages
    muster: WorkerRegistry

    @classmethod
    def wire(cls, settings: OperatorSettings) -> Self:
        """Build every part from the settings."""
        redis = open_store(settings.store_url, 4)
        retention = settings.retention_hours * 3600
        return cls(
            records=Records(redis, retention),
            counts=Counts(redis),
            dead=DeadLetterIndex(redis),
            undecodable=UndecodableTasks(redis, retention),
            limiter=RateLimiter(redis, settings.rate, settings.halt_probe),
            halted_messages=HaltedMessages(redis),
            muster=WorkerRegistry(redis),
        )

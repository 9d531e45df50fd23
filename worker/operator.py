"""Operator: what a person's commands look at and may change, wired without anything that only a worker needs.

Enters: ``OperatorSettings``. Leaves: store, limit, what a halt put off, and who is alive. Nothing connects before
its first use, nothing fails here.
"""

from dataclasses import dataclass
from typing import Self

from producers.connection import open_store
from worker.limit import Limit
from worker.muster import Muster
from worker.put_off import PutOff
from worker.settings import OperatorSettings
from worker.store import Store


@dataclass(frozen=True, slots=True)
class Operator:
    """The parts that commands share with workers."""

    store: Store
    limit: Limit
    put_off: PutOff
    muster: Muster

    @classmethod
    def wire(cls, settings: OperatorSettings) -> Self:
        """Build every part from the settings."""
        redis = open_store(settings.store_url, 4)
        store = Store(redis, settings.retention_hours * 3600)
        return cls(store, Limit(redis, settings.rate, settings.halt_probe), PutOff(redis), Muster(redis))

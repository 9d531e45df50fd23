"""Tariff: what each message takes of the shared rate: one submit, or its segments when the rate counts those. Pure."""

from dataclasses import dataclass

from smsrelay.contract.template import Registry
from smsrelay_worker.rate_limit.segments import cost
from smsrelay_worker.store.records import Reading


@dataclass(frozen=True, slots=True)
class Tariff:
    """How the rate counts."""

    registry: Registry
    segments: bool = False

    def of(self, reading: Reading) -> int:
        """The cost of submitting this message once."""
        if not self.segments or reading.payload is None:
            return 1
        return cost(self.registry.get(reading.record.template), reading.payload.params)

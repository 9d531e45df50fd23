"""Tariff: what each message takes of the shared rate: one submit, or its segments when the rate counts those. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from smsrelay.contract.template import Registry
from smsrelay_worker.rate_limit.segments import cost


@dataclass(frozen=True, slots=True)
class Tariff:
    """How the rate counts."""

    registry: Registry
    segments: bool = False

    def of(self, template_id: str, params: Sequence[str] | None) -> int:
        """The cost of submitting this message once."""
        if not self.segments or params is None:
            return 1
        return cost(self.registry.get(template_id), params)

"""MessageCost: how much of the shared rate one submit takes: 1, or its SMS segments if the rate counts segments. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from smsrelay.contract.template import Registry, segments


@dataclass(frozen=True, slots=True)
class MessageCost:
    """What the rate counts: submits, or the segments that the carrier bills."""

    registry: Registry
    count_segments: bool = False

    def of(self, template_id: str, params: Sequence[str] | None) -> int:
        """Cost of one submit; 1 if the payload is gone, the template is not registered, or the parameters do not fit it."""
        if not self.count_segments or params is None:
            return 1
        template = self.registry.get(template_id)
        if template is None or template.check(params) is not None:
            return 1
        return segments(template.preview(params))

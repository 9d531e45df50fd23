"""What one message takes of the rate, when the rate counts segments. Pure."""

from collections.abc import Sequence

from smsrelay.contract.template import Template, segments


def cost(template: Template | None, params: Sequence[str]) -> int:
    """SMS segments that the carrier bills; 1 for a template that nobody registered, or that the parameters do not fit."""
    if template is None or template.check(params) is not None:
        return 1
    return segments(template.preview(params))

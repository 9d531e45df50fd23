"""What a campaign would be: how many SMS of each template, how many segments are billed, and how the first one reads.

Enters: messages that would be accepted. Leaves: lines of text; the preview shows the parameters of one row, as whoever asks for a
dry run wants to see them. Without a template registry there is nothing to count but messages.
"""

from collections import Counter
from collections.abc import Iterator

from producers.message import Message
from producers.template import Approval, Registry, segments


class Preview:
    """Adds up messages."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._messages: Counter[tuple[str, str]] = Counter()
        self._segments: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, message: Message) -> None:
        """One message more."""
        self._messages[message.template, message.lane.value] += 1
        template = self._registry.get(message.template)
        if template is not None:
            text = template.preview(message.params)
            self._segments[message.template] += segments(text)
            self._first.setdefault(message.template, text)

    def lines(self) -> Iterator[str]:
        """What there is to say."""
        for (template, lane), messages in sorted(self._messages.items()):
            yield f"template {template}, lane {lane}: {messages:,} messages"
        for template, text in self._first.items():
            yield f"template {template}: {self._segments[template]:,} segments in all; the first reads: {text}"
            if self._registry[template].status is Approval.PENDING:
                yield f"template {template}: not approved yet"
        if not self._registry:
            yield "no template registry (SMSRELAY_TEMPLATES): parameters and segments are not counted"

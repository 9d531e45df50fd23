"""Preview: the summary of a dry run: how many SMS of each template, how many segments are billed, and how the first one reads.

The preview shows the parameters of one row on purpose. Without a template registry only messages are counted. Parameters that
look damaged by a spreadsheet are warned about on standard error, the first twenty of them.
"""

from collections import Counter
from collections.abc import Iterator

import click

from smsrelay.campaign.spreadsheet_artefact import artefact
from smsrelay.contract.character import escaped
from smsrelay.contract.message import Message
from smsrelay.contract.template import Approval, Registry, segments

_MOST_SHOWN = 20


class Preview:
    """Sums up the messages that would be accepted."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._messages: Counter[tuple[str, str]] = Counter()
        self._segments: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._doubtful = 0

    def add(self, line: int, message: Message) -> None:
        """Add the message of the row at this line."""
        self._messages[message.template, message.lane.value] += 1
        template = self._registry.get(message.template)
        if template is not None:
            text = template.preview(message.params)
            self._segments[message.template] += segments(text)
            self._first.setdefault(message.template, text)
        for number, value in enumerate(message.params, 1):
            found = artefact(value)
            if found is not None:
                self._warn(f"line {line}: p{number} looks like {found}")

    def lines(self) -> Iterator[str]:
        """The summary, line by line."""
        for (template, lane), messages in sorted(self._messages.items()):
            yield f"template {template}, lane {lane}: {messages:,} messages"
        for template, text in self._first.items():
            yield f"template {template}: {self._segments[template]:,} segments in all; the first reads: {escaped(text)}"
            if self._registry[template].status is Approval.PENDING:
                yield f"template {template}: not approved yet"
        if not self._registry:
            yield "no template registry (SMSRELAY_TEMPLATES): parameters and segments are not counted"
        if self._doubtful:
            yield f"{self._doubtful:,} parameters look wrong (see the warnings) and would be sent as they are"

    def _warn(self, warning: str) -> None:
        self._doubtful += 1
        if self._doubtful <= _MOST_SHOWN:
            click.echo(f"warning: {warning}", err=True)

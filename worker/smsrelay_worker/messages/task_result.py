"""TaskResult: what one task did to one message, in words that are safe in Flower: no phone number, no parameter."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskResult:
    """Which attempt of which message, and its result. Only the text is set for something that is no message."""

    text: str
    message_id: str = ""
    lane: str = ""
    attempt: int = 0

    def __str__(self) -> str:
        if not self.lane:
            return f"{self.text} · {self.message_id}" if self.message_id else self.text
        return f"{self.lane} attempt {self.attempt}: {self.text} · {self.message_id}"


def summary(outcomes: Sequence[TaskResult]) -> str:
    """Several outcomes in one line: how many messages had which."""
    if len(outcomes) == 1:
        return str(outcomes[0])
    counts = Counter(f"{outcome.lane} {outcome.text}".strip() for outcome in outcomes)
    return f"{len(outcomes)} messages: " + ", ".join(f"{count} × {text}" for text, count in counts.most_common())


@dataclass(frozen=True, slots=True)
class Fault:
    """An unexpected exception, by the name of its class; its text is left out because it may hold anything."""

    name: str

    def __str__(self) -> str:
        return f"unexpected exception ({self.name})"

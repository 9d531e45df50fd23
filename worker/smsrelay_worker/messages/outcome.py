"""Outcome: what one task did to one message, in words fit for Flower: no number, no parameter."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which attempt of which message, and what became of it. Without a message the outcome alone speaks."""

    text: str
    message_id: str = ""
    lane: str = ""
    attempt: int = 0

    def __str__(self) -> str:
        if not self.lane:
            return f"{self.text} · {self.message_id}" if self.message_id else self.text
        return f"{self.lane} attempt {self.attempt}: {self.text} · {self.message_id}"


def summary(outcomes: Sequence[Outcome]) -> str:
    """Several outcomes in a line: how many messages had which."""
    if len(outcomes) == 1:
        return str(outcomes[0])
    counts = Counter(f"{outcome.lane} {outcome.text}".strip() for outcome in outcomes)
    return f"{len(outcomes)} messages: " + ", ".join(f"{count} × {text}" for text, count in counts.most_common())


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of ours that something brought out, by the name of its exception: texts of exceptions may hold anything."""

    name: str

    def __str__(self) -> str:
        return f"brought out a fault of ours ({self.name})"

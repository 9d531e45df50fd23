"""Outcome: what one task did to one message, in words fit for Flower: no number, no parameter."""

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
            return f"{self.message_id} {self.text}".strip()
        return f"{self.lane} {self.message_id} attempt {self.attempt}: {self.text}"

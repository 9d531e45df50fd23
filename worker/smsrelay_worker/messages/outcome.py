"""Outcome: what an app is told about a message, as its sink's outbox holds it. Pure.

Message id and revision name an outcome: they are the same however often it is told. A higher revision of the same message is the
later outcome.
"""

from dataclasses import dataclass
from typing import Self

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.messages.sinks import OUTCOMES

_STATES = {state.letter: state for state in State}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A transition that an app is told about."""

    message_id: str
    revision: int  # the record's, after the transition
    state: State
    attempt: int  # the attempt it is about; 0 before the first
    code: str
    rule: str
    at: int  # ms, on the store's clock

    def encode(self) -> str:
        """As an outbox holds it; ``apply.lua`` writes the same."""
        parts = (self.message_id, self.revision, self.state.letter, self.attempt, self.code, self.rule, self.at)
        return "|".join(map(str, parts))

    @classmethod
    def decode(cls, wire: str) -> Self:
        """Read what ``encode`` wrote; raises ``ValueError`` or ``KeyError`` for anything else."""
        message_id, revision, letter, attempt, code, rule, at = wire.split("|")
        return cls(message_id, int(revision), _STATES[letter], int(attempt), code, rule, int(at))

    @classmethod
    def last_of(cls, record: Record) -> Self | None:
        """The last outcome of a message that its app's sink was given, rebuilt from its record; None if there was none."""
        if record.outcome is None:
            return None
        revision, number = record.outcome
        if number > len(record.timeline):
            return None
        line = record.timeline[number - 1]
        if line.state not in OUTCOMES:
            return None
        return cls(record.message_id, revision, line.state, line.attempt, line.code, line.rule, line.at)

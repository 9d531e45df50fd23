"""TaskResult: what one task did to one message, in words that are safe in Flower: no phone number, no parameter.

A task may have done something to 50 messages. ``summary`` says what in a line, and the ``Verdict`` of the worst of them is the
state that Flower shows for the whole task. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from smsrelay.contract.state import State


class Verdict(IntEnum):
    """What a task came to, for whoever operates the relay; the worst last."""

    DONE = 0  # as it should be, or there was nothing to do
    WAITS = 1  # something is tried again, or a report has to decide
    FAILED = 2  # a message failed, expired or ended unknown; a job was refused; an unexpected exception

    @classmethod
    def of(cls, state: State | None) -> "Verdict":
        """Of a state into which a message was brought; None: into none."""
        if state in {State.FAILED, State.EXPIRED, State.UNKNOWN}:
            return cls.FAILED
        return cls.WAITS if state in {State.QUEUED, State.RETRYING, State.UNCERTAIN} else cls.DONE


class TaskText(str):
    """What a task did, as Flower shows it, with its verdict."""

    verdict: Verdict

    def __new__(cls, text: str, verdict: Verdict = Verdict.DONE) -> "TaskText":
        """A text with a verdict."""
        made = super().__new__(cls, text)
        made.verdict = verdict
        return made


@dataclass(frozen=True, slots=True)
class TaskResult:
    """Which attempt of which message, and its result. Only the text is set for something that is no message."""

    text: str
    message_id: str = ""
    lane: str = ""
    attempt: int = 0
    verdict: Verdict = Verdict.DONE
    counted: str = ""  # of a report: what its callback counts as in the store; empty: it does not count

    def __str__(self) -> str:
        if not self.lane:
            return f"{self.text} · {self.message_id}" if self.message_id else self.text
        return f"{self.lane} attempt {self.attempt}: {self.text} · {self.message_id}"


def summary(outcomes: Sequence[TaskResult]) -> TaskText:
    """Several outcomes in one line: how many messages had which, the worst first."""
    verdict = worst(outcomes)
    if len(outcomes) == 1:
        return TaskText(str(outcomes[0]), verdict)
    counts = Counter((outcome.verdict, f"{outcome.lane} {outcome.text}".strip()) for outcome in outcomes)
    ordered = sorted(counts.items(), key=lambda one: (-one[0][0], -one[1]))
    return TaskText(f"{len(outcomes)} messages: " + ", ".join(f"{count} × {text}" for (_, text), count in ordered), verdict)


def worst(outcomes: Iterable[TaskResult]) -> Verdict:
    """The worst verdict of all."""
    return max((outcome.verdict for outcome in outcomes), default=Verdict.DONE)


@dataclass(frozen=True, slots=True)
class Fault:
    """An unexpected exception, by the name of its class; its text is left out because it may hold anything."""

    name: str

    def __str__(self) -> str:
        return f"unexpected exception ({self.name})"

"""Transition: one decided change of a record, ready for the store to apply to the very record it was decided on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from producers.record import State


class Wake(Enum):
    """What a transition does to the message's agenda entry when it names no time."""

    KEEP = "keep"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Transition:
    """What the record becomes, the line its timeline gets, and when something must happen next."""

    state: State
    attempt: int  # the record's last attempt from now on
    wake: int | Wake  # ms on the store's clock
    line_attempt: int  # the attempt the timeline's line speaks of
    rule: str = ""
    code: str = ""
    updated_on: int | None = None
    due: int | None = None  # not to be begun before; ms
    publish: bool = False  # waits in the outbox: a worker has to be told
    external_id: str | None = None
    owner: str | None = None  # who begins the attempt
    why: str | None = None  # the rule that sends the message into another attempt
    counts: Mapping[str, tuple[int, int]] | None = None  # when they change
    folds: int = 0  # last lines of the timeline that this one stands for as well
    halted: bool = False  # put off because everything is halted
    silent: bool = False  # only times move, the timeline already says why

    @property
    def keeps_payload(self) -> bool:
        """Whether recipient and parameters may still be needed; a failed message can be sent again until it expires."""
        return self.state not in {State.DELIVERED, State.EXPIRED, State.CANCELLED}

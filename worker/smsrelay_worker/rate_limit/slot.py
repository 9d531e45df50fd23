"""What the limiter hands out: leave to submit one message at one time."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Slot:
    """Leave to submit one message at one time; ``at`` and ``until`` are monotonic seconds of this process."""

    at: float  # not before
    until: float  # later than this the slot is void, for a late submit crowds the next second; take another one
    probe: bool = False  # the one submit that tests whether a halted or failing vendor is back
    begins: float = 0.0  # µs of the store's clock
    ends: float = 0.0


class Refusal(Enum):
    """Why there is no slot."""

    LATE = "rate"  # none in time
    HALTED = "halted"  # the vendor refuses everything
    CIRCUIT = "circuit"  # the vendor fails


@dataclass(frozen=True, slots=True)
class Grant:
    """At least one slot, or why there is none."""

    slots: tuple[Slot, ...]
    refused: Refusal | None = None
    again: float | None = None  # seconds until a submit tests the vendor that refuses or fails; None: unknown, or never

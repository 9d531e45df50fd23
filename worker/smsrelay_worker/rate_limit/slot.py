"""Slot: permission to submit one message at one instant; what the rate limiter hands out."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Slot:
    """``at`` and ``until`` are monotonic seconds of this process; ``begins`` and ``ends`` µs of the store's clock."""

    at: float  # not before
    until: float  # not after: a late submit crowds the next second, so take another slot
    probe: bool = False  # this submit tests if a vendor that rejects or fails is back
    begins: float = 0.0
    ends: float = 0.0


class Refusal(Enum):
    """Why there is no slot."""

    LATE = "rate"  # none became free in time
    HALTED = "halted"  # the vendor rejects every submit
    CIRCUIT = "circuit"  # the vendor fails


@dataclass(frozen=True, slots=True)
class Grant:
    """At least one slot, or why there is none."""

    slots: tuple[Slot, ...]
    refused: Refusal | None = None
    next_probe: float | None = None  # seconds until a probe is due; None: unknown, or never

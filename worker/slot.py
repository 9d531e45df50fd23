"""Slot: the right to submit once, between two instants; and what asking for several comes to."""

from dataclasses import dataclass
from enum import Enum


class Refusal(Enum):
    """Why there is no slot."""

    LATE = "late"
    HALTED = "halted"
    CIRCUIT = "circuit"


@dataclass(frozen=True, slots=True)
class Slot:
    """Instants are seconds on this process's monotonic clock."""

    at: float  # not before
    until: float  # void afterwards
    probe: bool = False  # submitted to learn whether the vendor is well again


@dataclass(frozen=True, slots=True)
class Grant:
    """Slots for the first of what was asked for; none only with a refusal."""

    slots: tuple[Slot, ...]
    refused: Refusal | None = None

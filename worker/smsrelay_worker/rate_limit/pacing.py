"""Pacing: the constants of the shared rate, each defined here alone; the Lua scripts receive them as arguments."""

from dataclasses import dataclass, field

from smsrelay_worker.rate_limit.lane_shares import LaneShares


@dataclass(frozen=True, slots=True)
class Pacing:
    """How slots are spaced, and how the rate recovers. Times in seconds."""

    margin: float = 0.985  # slots are spaced for this part of the rate: a submit that is late crowds the ones behind it
    recovery: float = 20.0  # from nothing back to the configured rate, after the vendor throttled
    ask_again: float = 0.5  # longest wait before the store is asked again: the rate may have been raised, or a halt begun
    lanes: LaneShares = field(default_factory=LaneShares)


PACING = Pacing()

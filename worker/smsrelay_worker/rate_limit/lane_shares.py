"""LaneShares: what part of the shared rate each lane gets. Slots go to the most urgent lane first; lower lanes keep a floor.

``limiter.lua`` applies it: while a lane waits for slots, the lanes below it get their floor and no more. The horizons differ so
that a bulk, however many messages it has, leaves free slots in front of it for a code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from smsrelay.contract.lanes import Lane


def _horizons() -> Mapping[Lane, float]:
    return {Lane.OTP: 0.050, Lane.NOTICE: 0.045, Lane.MARKETING: 0.040}


@dataclass(frozen=True, slots=True)
class LaneShares:
    """Times in seconds."""

    horizon: Mapping[Lane, float] = field(default_factory=_horizons)  # how far ahead a lane may reserve slots
    floor: float = 0.06  # of the current rate: what notice and marketing each get while a more urgent lane waits
    refill: float = 0.020  # a bulk asks for more slots once the rate is reserved no further ahead than this

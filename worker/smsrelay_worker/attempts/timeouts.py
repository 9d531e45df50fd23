"""Timeouts: how long a sender waits and holds, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The bounds of an attempt; each keeps another promise, so they are chosen together."""

    slot: float = 6.0  # for a slot, before the message is put off; with the next one less than store.HOLD
    claim_again: float = 4.0  # since the claim of a chunk, before its rest is claimed again
    in_hand: float = 20.0  # a chunk, before its rest is given back: far less than the broker's visibility timeout
    stall: float = 5.0  # between begin and submit; later, the lease may be somebody else's
    put_off: float = 5.0  # a message without a slot
    halted: float = 10.0  # a message while everything is halted, or the vendor is down
    lease: float = 60.0  # an attempt, before it counts as abandoned; above the vendor's longest time-outs
    throttled: float = 1.0  # everybody, after the vendor throttled

"""Timeouts: how long an attempt waits at each step, and how long messages are deferred. All in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Each bound keeps a promise that depends on others, so they are chosen together."""

    slot: float = 6.0  # for a slot, before the message is deferred; together with reclaim, less than store.HOLD
    reclaim: float = 4.0  # after a chunk was claimed, before the rest of it is claimed again
    chunk: float = 20.0  # before the rest of a chunk is given back: far less than the broker's visibility timeout
    stall: float = 5.0  # between begin and submit; after that the lease may belong to another worker
    no_slot: float = 5.0  # how long a message without a slot is deferred
    halted: float = 10.0  # how long a message is deferred during a halt or an open circuit
    lease: float = 60.0  # of an attempt, before it counts as abandoned; WorkerSettings.lease makes it outlast the vendor
    throttled: float = 1.0  # pause of all submits after the vendor throttled

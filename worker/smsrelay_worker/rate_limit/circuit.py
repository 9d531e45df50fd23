"""CircuitBreaker: stops every submit of every worker while the vendor fails, and tests with one submit (a probe) if it is back.

It opens when, in the last ten seconds, at least 20 submits of all workers failed and no more were answered. While it is open one
submit tests the vendor after 5 s, then every 10 s; one good answer closes it. A good probe ends a halt too. Raises
``StoreUnavailable``.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from smsrelay.store.connection import StoreRedis
from smsrelay.store.script import Script
from smsrelay_worker.rate_limit.outcome_counts import OutcomeCounts
from smsrelay_worker.rate_limit.slot import Slot

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """Since when the circuit is open (ms), and when the next probe is due (ms)."""

    since: int
    probe: int


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When the circuit opens and how often it is tested; defined here alone, ``record_outcomes.lua`` receives them."""

    window: int = 10  # seconds
    failures: int = 20
    first_probe: float = 5.0  # seconds after it opened
    longest_probe: float = 10.0  # seconds between probes; the wait doubles until it is this long


THRESHOLDS = Thresholds()


class CircuitBreaker:
    """Safe to share between threads. ``halt_probe`` in seconds: time between probes of a halt, 0 for none."""

    def __init__(
        self,
        redis: StoreRedis,
        halt_probe: float,
        *,
        thresholds: Thresholds = THRESHOLDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = redis.store_keys
        self._monotonic = monotonic
        self._record = Script(redis, __name__, "record_outcomes.lua")
        self._fixed = [
            thresholds.window,
            thresholds.failures,
            int(thresholds.first_probe * 1000),
            int(thresholds.longest_probe * 1000),
        ]
        self._halt_probe = int(halt_probe * 1000)
        self._lock = threading.Lock()  # over _counts
        self._counts = OutcomeCounts(thresholds.window, thresholds.failures)

    def record(self, *, answered: int, failed: int, probe_succeeded: bool | None, probe_slot: Slot | None) -> bool:
        """Count submits; see ``RateLimiter.record_outcomes``."""
        with self._lock:
            counts = self._counts.add(answered, failed, self._monotonic())
        if probe_succeeded is None and counts is None:
            return False
        probe = {None: "", True: "good", False: "bad"}[probe_succeeded]
        names = [self._keys.answers, self._keys.circuit, self._keys.halted, self._keys.resumed]
        begins = "" if probe_slot is None else f"{probe_slot.begins:.0f}"
        change = self._record.run(names, [*(counts or (0, 0)), probe, self._halt_probe, begins, *self._fixed])
        if change == "opened":
            log.error("circuit opened: the vendor fails")
        elif change == "closed":
            log.warning("submits resumed: a probe succeeded")
        return bool(change == "closed")

"""Limit: the one rate for all workers together, and the switch that halts every submit.

Enters: a wish to submit. Leaves: a slot, after waiting for it; or ``Late`` when none came in time, or ``Halted``.
Fails with ``StoreUnavailable``; a slot may then be lost, which slows and never speeds.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from redis import Redis

from producers import keys
from producers.connection import store_answers
from producers.script import Script

_ANY = 10**15  # µs; no slot is too far away
_HORIZON = 1.0  # seconds ahead that a slot may be reserved: what a crash can waste


class Slot(Enum):
    """What waiting for a slot came to."""

    GRANTED = "granted"
    LATE = "late"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class Halt:
    """Why nothing is submitted: since when (ms) and the code that the vendor refused with."""

    since: int
    code: str


class Limit:
    """The shared rate, in submits a second."""

    def __init__(
        self,
        redis: Redis,
        rate: float,
        key: str = keys.RATE,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._key = key
        self._interval = round(1_000_000 / rate)
        self._sleep = sleep
        self._monotonic = monotonic
        self._slot = Script(redis, "worker", "limit.lua")
        self._pause = Script(redis, "worker", "pause.lua")

    def acquire(self, patience: float) -> Slot:
        """Wait for a slot, at most about ``patience`` seconds."""
        until = self._monotonic() + patience
        while True:
            answer, micros = self._slot.run([self._key, keys.HALTED], [self._interval, 0, int(_HORIZON * 1e6)])
            if answer < 0:
                return Slot.HALTED
            wait = micros / 1_000_000
            if answer == 0 and self._monotonic() + wait > until:
                return Slot.LATE
            self._sleep(wait)
            if answer == 1:
                return Slot.GRANTED

    def reserve(self) -> float | None:
        """Take the next slot however far away it is, and say in how many seconds that is; None when halted."""
        answer, micros = self._slot.run([self._key, keys.HALTED], [self._interval, 0, _ANY])
        return None if answer < 0 else float(micros) / 1_000_000

    def pause(self, seconds: float) -> None:
        """Let nobody submit for a while, because the vendor throttled."""
        self._pause.run([self._key], [int(seconds * 1_000_000)])

    def halt(self, code: str) -> None:
        """Stop every submit until ``resume``. The first reason is kept."""
        with store_answers():
            seconds, _ = self._redis.time()
            self._redis.hsetnx(keys.HALTED, "code", code)
            self._redis.hsetnx(keys.HALTED, "since", str(int(seconds) * 1000))

    def resume(self) -> bool:
        """Submit again; False when nothing was halted."""
        with store_answers():
            return bool(self._redis.delete(keys.HALTED))

    def halted(self) -> Halt | None:
        """Why nothing is submitted, if so."""
        with store_answers():
            fields = self._redis.hgetall(keys.HALTED)
        return Halt(int(fields.get("since", 0)), str(fields.get("code", ""))) if fields else None

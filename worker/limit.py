"""Limit: the one rate for all workers together, and the switch that halts every submit.

Enters: a wish to submit. Leaves: a slot, after waiting for it; or ``Late`` when none came in time, or ``Halted``.
Fails with ``StoreUnavailable``; a slot may then be lost, which slows and never speeds.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redis import Redis

from producers import keys
from producers.connection import store_answers
from producers.lanes import Lane
from producers.script import Call, Script
from worker.slot import Grant, Refusal, Slot

_ANY = 10**15  # µs; no slot is too far away
_HORIZON = 1.0  # seconds ahead that a slot may be reserved: what a crash can waste


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

    def acquire(self, lane: Lane, template: str, costs: Sequence[int], patience: float) -> Grant:
        """Wait for slots, at most about ``patience`` seconds."""
        until = self._monotonic() + patience
        while True:
            calls = [Call([self._key, keys.HALTED], [self._interval, 0, 50_000])] * len(costs)
            answers = self._slot.run_many(calls)
            now = self._monotonic()
            slots = tuple(Slot(now + micros / 1e6, now + micros / 1e6 + 1) for answer, micros in answers if answer == 1)
            if slots:
                return Grant(slots)
            if answers[0][0] < 0:
                return Grant((), Refusal.HALTED)
            wait = answers[0][1] / 1_000_000
            if now + wait > until:
                return Grant((), Refusal.LATE)
            self._sleep(wait)

    def give_back(self, slots: Sequence[Slot]) -> None:
        """Thin."""

    def settled(self, *, answered: int, failed: int, probe: bool | None = None) -> None:
        """Thin."""

    def throttled(self, retry_after: float) -> None:
        """Thin."""
        self.pause(retry_after)

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

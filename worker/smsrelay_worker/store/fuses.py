"""Fuses: which apps have sent as many messages to a country today as they may. Raises ``StoreUnavailable``.

``apply.lua`` counts the messages, each at its first attempt, and bars those over the fuse. The first worker that meets such a bar
halts the app's traffic to that country until the day ends, so that the messages that follow are stopped when they are claimed,
and take no slot of the rate. ``Halts.resume`` ends that, and has the day counted from 0 again. Instants are ms on the store's
clock.
"""

import json
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Self

from smsrelay.messages.checks import FuseCheck
from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay.store.script import Script
from smsrelay.store.traffic.halts import HaltKind

_PREFIX = "country:"


class Blow(IntEnum):
    """What came of halting what is over its fuse."""

    BELOW = 0  # it is not over any more: an operator has resumed it
    HALTED = 1  # it was halted before
    BLOWN = 2  # it is halted from now on


@dataclass(frozen=True, slots=True)
class BlownFuse:
    """An app's traffic to one country that is halted until ``until``, because it has reached ``most`` messages a day."""

    app: str
    country: str  # calling code, without plus
    since: int
    until: int
    most: int
    held: int = 0  # messages that wait

    @property
    def part(self) -> str:
        """The part of the traffic that is halted."""
        return f"{_PREFIX}{self.app}/{self.country}"

    @classmethod
    def decode(cls, part: str, wire: str) -> Self | None:
        """Read an entry of ``{sms}:halts``; None if it is halted for another reason."""
        halt = json.loads(wire)
        if halt["kind"] != HaltKind.FUSE:
            return None
        app, _, country = part.removeprefix(_PREFIX).rpartition("/")
        return cls(app, country, int(halt["since"]), int(halt["until"]), int(halt["most"]))


class Fuses:
    """Safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._blow = Script(redis, __name__, "fuse_blow.lua")

    def blow(self, check: FuseCheck) -> Blow:
        """Halt what is over its fuse until the day ends; of all workers, one is told ``BLOWN``."""
        name = f"{check.app}/{check.country}"
        args: list[str | int | float] = [_PREFIX + name, name, check.most, check.day, check.until]
        return Blow(self._blow.run([self._keys.halts, self._keys.fuse(check.day)], args))

    def blown(self) -> tuple[BlownFuse, ...]:
        """The fuses that have blown and whose day has not ended, sorted."""
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.hgetall(self._keys.halts)
            answers: Any = pipeline.execute()
        (seconds, micros), halts = answers
        now = int(seconds) * 1000 + int(micros) // 1000
        parts = (BlownFuse.decode(part, wire) for part, wire in sorted(halts.items()) if part.startswith(_PREFIX))
        fuses = [one for one in parts if one is not None and one.until > now]
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for one in fuses:
                pipeline.scard(self._keys.held(one.part))
            counts: Any = pipeline.execute()
        return tuple(replace(one, held=int(held)) for one, held in zip(fuses, counts, strict=True))

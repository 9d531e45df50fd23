"""Rate: the configured and the current rate, and why submits are shut, as a person may read and set them.

Enters: a new rate, by command; it wins over the environment until it is taken back, and holds from the next grant on, everywhere.
Leaves: ``RateState``. Fails with ``StoreUnavailable``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.connection import store_answers

_CLIMB = 20.0  # seconds from nothing back to the configured rate, as limit.lua has it
_TEMPLATE = "template:"


@dataclass(frozen=True, slots=True)
class Halt:
    """Why nothing is submitted: since when (ms), the code that the vendor refused with, and when a submit tests it next (ms)."""

    since: int
    code: str
    probe: int | None = None


@dataclass(frozen=True, slots=True)
class Circuit:
    """The vendor failed in a wave: since when (ms) nothing is submitted, and when a submit tests it next (ms)."""

    since: int
    probe: int


@dataclass(frozen=True, slots=True)
class RateState:
    """Rates in submits (or segments) a second; instants in ms of the store's clock."""

    configured: float
    by_command: bool  # or by the environment
    current: float  # less than configured after a throttled answer
    templates: Mapping[str, float]
    paused_until: int | None
    halted: Halt | None
    circuit: Circuit | None


class Rate:
    """The settings and the state of the shared rate. ``rate`` is the environment's; ``halt_probe`` in seconds, 0 for never."""

    def __init__(self, redis: Redis, rate: float, halt_probe: float) -> None:
        self._redis = redis
        self._rate = rate
        self._halt_probe = halt_probe

    def set(self, rate: float | None, template: str | None = None) -> None:
        """Set the rate of all, or of one template; None takes it back. Raises ``ValueError`` for a rate that is none."""
        if rate is not None and not 0.01 <= rate <= 100_000:
            raise ValueError("a rate is from 0.01 to 100000 a second")
        field = "rate" if template is None else _TEMPLATE + template
        with store_answers():
            if rate is None:
                self._redis.hdel(keys.RATES, field)
            else:
                self._redis.hset(keys.RATES, field, repr(float(rate)))

    def state(self, given: float | None = None) -> RateState:
        """All of it, in one round trip; ``given``: the rate that the workers were given, when it is known."""
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for key in (keys.RATE, keys.RATES, keys.HALTED, keys.CIRCUIT):
                pipeline.hgetall(key)
            pipeline.time()
            rate, rates, halted, circuit, (seconds, micros) = pipeline.execute()
        now = int(seconds) * 1_000_000 + int(micros)
        configured = float(rates.get("rate", self._rate if given is None else given))
        pause = int(rate.get("pause", 0))
        return RateState(
            configured,
            "rate" in rates,
            max(configured * _share(rate, now), min(configured, 1.0)),
            {name.removeprefix(_TEMPLATE): float(value) for name, value in rates.items() if name.startswith(_TEMPLATE)},
            pause // 1000 if pause > now else None,
            self._halt(halted),
            Circuit(int(circuit["since"]), int(circuit["probe"])) if circuit else None,
        )

    def halted(self) -> Halt | None:
        """Why nothing is submitted, if so."""
        with store_answers():
            fields: Any = self._redis.hgetall(keys.HALTED)
        return self._halt(fields)

    def _halt(self, fields: Mapping[str, Any]) -> Halt | None:
        if not fields:
            return None
        since = int(fields.get("since", 0))
        probe = int(fields.get("probe", since + int(self._halt_probe * 1000)))
        return Halt(since, str(fields.get("code", "")), probe if self._halt_probe else None)


def _share(rate: Mapping[str, str], now: int) -> float:
    climbed = max(0, now - int(rate.get("share_at", 0))) / 1_000_000 / _CLIMB
    return min(1.0, float(rate.get("share", 1.0)) + climbed)

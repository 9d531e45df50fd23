"""SharedRate: the send rate of all workers as operators see and set it: configured, current, halted, circuit open.

A rate set by command wins over the environment until it is removed, and applies to every worker from the next slot on. Raises
``StoreUnavailable``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from smsrelay.store.connection import StoreRedis, run_durably, store_answers
from smsrelay_worker.rate_limit.circuit import OpenCircuit
from smsrelay_worker.rate_limit.halt import Halt

_TEMPLATE = "template:"


@dataclass(frozen=True, slots=True)
class RateState:
    """Rates in submits (or segments) a second; instants in ms of the store's clock."""

    configured: float
    by_command: bool  # else by the environment
    current: float  # less than configured for a while after the vendor throttled
    templates: Mapping[str, float]
    paused_until: int | None
    halted: Halt | None
    circuit: OpenCircuit | None


class SharedRate:
    """``rate``: the environment's, a second; ``halt_probe`` and ``recovery`` in seconds (see ``halt``, ``pacing``)."""

    def __init__(self, redis: StoreRedis, rate: float, halt_probe: float, recovery: float) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._rate = rate
        self._halt_probe = halt_probe
        self._recovery = recovery

    def set(self, rate: float | None, template: str | None = None) -> None:
        """Set the rate of all, or of one template; None removes it. Raises ``ValueError`` for a rate out of bounds."""
        if rate is not None and not 0.01 <= rate <= 100_000:
            raise ValueError("a rate is from 0.01 to 100000 a second")
        field = "rate" if template is None else _TEMPLATE + template
        set_or_not = ("HDEL", self._keys.rates, field) if rate is None else ("HSET", self._keys.rates, field, repr(float(rate)))
        run_durably(self._redis, set_or_not)

    def state(self, given: float | None = None) -> RateState:
        """The whole state in one round trip; ``given``: the rate in the workers' environment, if it is known."""
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for key in (self._keys.rate, self._keys.rates, self._keys.halted, self._keys.circuit):
                pipeline.hgetall(key)
            pipeline.time()
            rate, rates, halted, circuit, (seconds, micros) = pipeline.execute()
        now = int(seconds) * 1_000_000 + int(micros)
        configured = float(rates.get("rate", self._rate if given is None else given))
        pause = int(rate.get("pause", 0))
        return RateState(
            configured,
            "rate" in rates,
            max(configured * self._share(rate, now), min(configured, 1.0)),
            {name.removeprefix(_TEMPLATE): float(value) for name, value in rates.items() if name.startswith(_TEMPLATE)},
            pause // 1000 if pause > now else None,
            Halt.parse(halted, self._halt_probe),
            OpenCircuit(int(circuit["since"]), int(circuit["probe"])) if circuit else None,
        )

    def _share(self, rate: Mapping[str, str], now: int) -> float:
        """The part of the configured rate that is in force, as ``limiter.lua`` computes it."""
        recovered = max(0, now - int(rate.get("share_at", 0))) / 1_000_000 / self._recovery
        return min(1.0, float(rate.get("share", 1.0)) + recovered)

"""RateLimiter: decides when each message may be submitted, by one rate for all workers together; also halt and circuit.

A caller asks for slots and waits until there are some (``slot_queue``), or gets the reason why there are none. The rate is kept
in the store, where ``limiter.lua`` grants slots by the store's clock. A waiting caller notices a halt, an open circuit or a new
rate within a second. Raises ``StoreUnavailable`` to every waiting caller; slots may then be lost, so submits get slower, never
faster.
"""

import time
from collections.abc import Callable, Sequence

import structlog

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay.store.script import Script
from smsrelay_worker.rate_limit.circuit import CircuitBreaker
from smsrelay_worker.rate_limit.clock_sync import ClockSync
from smsrelay_worker.rate_limit.halt import Halt, HaltSwitch
from smsrelay_worker.rate_limit.pacing import PACING, Pacing
from smsrelay_worker.rate_limit.shared_rate import RateState, SharedRate
from smsrelay_worker.rate_limit.slot import Grant, Refusal, Slot
from smsrelay_worker.rate_limit.slot_queue import Answer, Offer, SlotQueue
from smsrelay_worker.rate_limit.waiters import Ask

_VOID = 0.020  # seconds after its begin that a slot may be used, or a quarter of the interval if that is more
_CROWD = 0.02 / 12_000  # seconds of lateness that do no harm, for each submit a second of the rate; no workers do more than these
_TOUCHING = 5  # µs; slots no further apart are neighbours: instants are rounded on their way
_LONGEST_PAUSE = 600.0  # seconds that a vendor may ask for
_SHUT = {-1: Refusal.HALTED, -2: Refusal.CIRCUIT}

log = structlog.get_logger()


class RateLimiter:
    """``rate`` in submits (or segments) a second; ``halt_probe`` in seconds, 0 for none. Safe to share between threads."""

    def __init__(
        self,
        redis: StoreRedis,
        rate: float,
        halt_probe: float = 300.0,
        monotonic: Callable[[], float] = time.monotonic,
        pacing: Pacing = PACING,
    ) -> None:
        self._keys = redis.store_keys
        self._rate = rate
        self._pacing = pacing
        self._monotonic = monotonic
        self._grant = Script(redis, __name__, "limiter.lua")
        self._return = Script(redis, __name__, "give_back.lua")
        self._release_probe = Script(redis, __name__, "release_probe.lua")
        self._throttle = Script(redis, __name__, "throttle.lua")
        self._fixed: list[str | int | float] = [
            repr(rate),
            int(halt_probe * 1000),
            repr(pacing.margin),
            _micros(pacing.recovery),
            _micros(pacing.ask_again),
            repr(pacing.lanes.floor),
            _micros(pacing.lanes.refill),
        ]
        self._horizon = {lane: _micros(ahead) for lane, ahead in pacing.lanes.horizon.items()}
        self._shared_rate = SharedRate(redis, rate, halt_probe, pacing.recovery)
        self._switch = HaltSwitch(redis, halt_probe)
        self._circuit = CircuitBreaker(redis, halt_probe, monotonic=monotonic)
        self._queue = SlotQueue(self._ask, self.give_back, pacing, monotonic=monotonic)
        self._clock = ClockSync()  # only one thread at a time asks, so it needs no lock

    def acquire(self, lane: Lane, template: str, costs: Sequence[int], patience: float) -> Grant:
        """Wait about ``patience`` seconds at most for at least one slot; slots in the order of ``costs``, maybe fewer.

        Raises ``StoreUnavailable``.
        """
        return self._queue.acquire(lane, template, costs, patience)

    def give_back(self, template: str, unused: Sequence[tuple[Slot, int]]) -> None:
        """Return slots of a template that will not be used, each with its cost; the ones that cannot be reused lapse.

        Raises ``StoreUnavailable``.
        """
        for slot, _ in unused:
            if slot.probe:
                self._release_probe.run([self._keys.halted, self._keys.circuit], [f"{slot.begins:.0f}"])
        back = [(slot, cost) for slot, cost in unused if slot.ends and not slot.probe]
        if not back:
            return
        run = sorted((slot for slot, _ in back), key=lambda slot: slot.begins)
        first, last = run[-1], run[-1]
        for slot in reversed(run[:-1]):
            if abs(slot.ends - first.begins) > _TOUCHING:
                break
            first = slot
        costs = sum(cost for _, cost in back)
        args: list[str | int | float] = [
            f"{first.begins:.0f}",
            f"{last.ends:.0f}",
            template,
            costs,
            repr(self._pacing.margin),
            _TOUCHING,
        ]
        self._return.run([self._keys.rate, self._keys.rates], args)

    def record_outcomes(
        self, *, answered: int, failed: int, probe_succeeded: bool | None = None, probe_slot: Slot | None = None
    ) -> bool:
        """Count submits for the circuit; True if this ended a halt or closed the circuit.

        ``failed`` ones did not reach the vendor, or the vendor failed. ``probe_succeeded``: whether the newest probe was answered
        well, and ``probe_slot`` its slot. Asks nothing of the store while nothing fails. Raises ``StoreUnavailable``.
        """
        return self._circuit.record(answered=answered, failed=failed, probe_succeeded=probe_succeeded, probe_slot=probe_slot)

    def throttle(self, retry_after: float) -> None:
        """Halve the shared rate, once a second at most, and pause all submits for ``retry_after`` seconds (600 at most).

        Raises ``StoreUnavailable``.
        """
        pause = max(0.0, min(retry_after, _LONGEST_PAUSE))
        if self._throttle.run([self._keys.rate], [int(pause * 1_000_000), _micros(self._pacing.recovery)]):
            log.warning("rate halved: the vendor throttled us", rate=round(self.state().current, 2), pause=pause)

    def halt(self, code: str, begun_at: int | None = None) -> bool:
        """Stop every submit; see ``HaltSwitch.halt``."""
        return self._switch.halt(code, begun_at)

    def halt_by_operator(self) -> bool:
        """Stop every submit until an operator resumes; see ``HaltSwitch.halt_by_operator``."""
        return self._switch.halt_by_operator()

    def resume(self) -> bool:
        """End a halt, and close an open circuit; False if there was neither."""
        return self._switch.resume()

    def halted(self) -> Halt | None:
        """The halt in force, if any."""
        return self._switch.current()

    def set_rate(self, rate: float | None, template: str | None = None) -> None:
        """Set the rate of all, or of one template; None removes it. Raises ``ValueError`` for a rate out of bounds."""
        self._shared_rate.set(rate, template)

    def state(self, given: float | None = None) -> RateState:
        """Rates, halt and circuit; ``given``: the rate in the workers' environment, if it is known."""
        return self._shared_rate.state(given)

    def _ask(self, asks: Sequence[Ask]) -> Answer:
        wanted: list[str | int | float] = [
            part
            for ask in asks
            for part in (ask.lane.value, ask.template, self._horizon[ask.lane], ",".join(map(str, ask.costs)))
        ]
        names = [self._keys.rate, self._keys.rates, self._keys.halted, self._keys.circuit]
        asked = self._monotonic()
        answer = self._grant.run(names, [*self._fixed, *wanted])
        if answer[0] < 0:
            return Answer(refused=Grant((), _SHUT[answer[0]], answer[1] / 1000 if answer[1] >= 0 else None))
        probe, store_now, following, interval, *groups = answer
        self._clock.observe(asked, self._monotonic(), store_now)
        offers = []
        for ask, (wait, *begins) in zip(asks, groups, strict=True):
            pairs = zip(begins, ask.costs, strict=False)
            slots = [self._slot(begin, cost * float(interval), bool(probe)) for begin, cost in pairs]
            offers.append(Offer(slots, wait / 1e6))
        return Answer(offers, (following - store_now) / 1e6, Grant((), _SHUT[-probe]) if probe else None)

    def _slot(self, begin: float, lasts: float, probe: bool) -> Slot:
        at = self._clock.at(begin)
        # The submits of ten processes, this many seconds late, are still less than 2 % of a high rate.
        harmless = _CROWD * 1e6 / lasts
        return Slot(at, at + max(_VOID, lasts / 4e6, harmless), probe, begin, begin + lasts)


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)

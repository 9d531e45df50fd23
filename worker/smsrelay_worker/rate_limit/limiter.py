"""Limit: the one rate for all workers together, and what stops every submit: a halt, or an open circuit.

Enters: a wish to submit some messages. Leaves: slots, after waiting until there is one (``slot_queue``); or why there is none.
A halt, an open circuit or another rate is noticed within a second by those that wait.
Fails with ``StoreUnavailable``, for everybody who waits; slots may then be lost, which slows and never speeds.
"""

import threading
import time
from collections.abc import Callable, Sequence

import structlog
from redis import Redis

from smsrelay.contract.lanes import Lane
from smsrelay.store import keys
from smsrelay.store.connection import store_answers
from smsrelay.store.script import Script
from smsrelay_worker.rate_limit.circuit import OutcomeCounts
from smsrelay_worker.rate_limit.clock_sync import StoreClock
from smsrelay_worker.rate_limit.settings import Circuit, Halt, Rate, RateState
from smsrelay_worker.rate_limit.slot import Grant, Refusal, Slot
from smsrelay_worker.rate_limit.slot_queue import Answer, Offer, SlotQueue
from smsrelay_worker.rate_limit.waiters import Ask

__all__ = ["Circuit", "Grant", "Halt", "Limit", "RateState", "Refusal", "Slot"]

_VOID = 0.020  # seconds after its begin, or a quarter of the interval when that is more
_CROWD = 0.02 / 12_000  # seconds late that do no harm, per submit a second of the rate: nobody's workers do more than these
_LONGEST_PAUSE = 600.0  # seconds that a vendor may ask for
_SHUT = {-1: Refusal.HALTED, -2: Refusal.CIRCUIT}

log = structlog.get_logger()


class Limit:
    """The shared rate, in submits (or segments) a second; safe to share between threads."""

    def __init__(
        self,
        redis: Redis,
        rate: float,
        halt_probe: float = 300.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._redis = redis
        self._rate = rate
        self._halt_probe = int(halt_probe * 1000)
        self._rates = Rate(redis, rate, halt_probe)
        self._monotonic = monotonic
        self._sleep = sleep
        self._grant = Script(redis, __name__, "limiter.lua")
        self._give_back = Script(redis, __name__, "give_back.lua")
        self._untested = Script(redis, __name__, "untested.lua")
        self._throttled = Script(redis, __name__, "throttled.lua")
        self._settled = Script(redis, __name__, "settled.lua")
        self._queue = SlotQueue(self._ask, self.give_back, monotonic=monotonic)
        self._clock = StoreClock()  # used by whoever asks, one at a time
        self._lock = threading.Lock()  # over what follows
        self._outcomes = OutcomeCounts()

    def acquire(self, lane: Lane, template: str, costs: Sequence[int], patience: float) -> Grant:
        """Wait, at most about ``patience`` seconds, for at least one slot; slots in the order of ``costs``, maybe fewer.

        Raises ``StoreUnavailable``.
        """
        return self._queue.acquire(lane, template, costs, patience)

    def wait_for(self, slot: Slot) -> bool:
        """Sleep until the slot's time; False when it is void by then."""
        self._sleep(max(0.0, slot.at - self._monotonic()))
        return self._monotonic() <= slot.until

    def give_back(self, template: str, unused: Sequence[tuple[Slot, int]]) -> None:
        """Let others have slots of a template, each with its cost, that nobody will use; does nothing where that cannot be.

        Raises ``StoreUnavailable``.
        """
        for slot, _ in unused:
            if slot.probe:
                self._untested.run([keys.HALTED, keys.CIRCUIT], [f"{slot.begins:.0f}"])
        back = [(slot, cost) for slot, cost in unused if slot.ends and not slot.probe]
        if not back:
            return
        run = sorted((slot for slot, _ in back), key=lambda slot: slot.begins)
        begin = run[-1]
        for slot in reversed(run[:-1]):
            if abs(slot.ends - begin.begins) > 5:
                break
            begin = slot
        costs = sum(cost for _, cost in back)
        self._give_back.run([keys.RATE, keys.RATES], [f"{begin.begins:.0f}", f"{run[-1].ends:.0f}", template, costs])

    def settled(self, *, answered: int, failed: int, probe: bool | None = None, tested: Slot | None = None) -> bool:
        """What came of submits: ``failed`` found no vendor, or one that fails; ``probe``: whether the newest probe was answered
        well, and ``tested`` the slot of that one.

        True when that ended a halt or closed the circuit. Asks nothing of the store while nothing fails.
        """
        with self._lock:
            told = self._outcomes.add(answered, failed, self._monotonic())
        if probe is None and told is None:
            return False
        said = {None: "", True: "good", False: "bad"}[probe]
        named = [keys.OUTCOMES, keys.CIRCUIT, keys.HALTED, keys.RESUMED]
        made = "" if tested is None else f"{tested.begins:.0f}"
        came = self._settled.run(named, [*(told or (0, 0)), said, self._halt_probe, made])
        if came == "opened":
            log.error("circuit opened: the vendor fails")
        elif came == "closed":
            log.warning("submits go on: a probe was answered")
        return bool(came == "closed")

    def throttled(self, retry_after: float) -> None:
        """The vendor throttled: halve the shared rate, at most once a second, and let nobody submit for so many seconds."""
        pause = max(0.0, min(retry_after, _LONGEST_PAUSE))
        if self._throttled.run([keys.RATE], [int(pause * 1_000_000)]):
            log.warning("slowed down: the vendor throttled", rate=round(self.state().current, 2), pause=pause)

    def halt(self, code: str, begun_at: int | None = None) -> bool:
        """Stop every submit until ``resume`` or a probe; False when that was so already. The first reason is kept.

        ``begun_at``: when the attempt began (ms, store's clock) whose answer says so. One from before the last ``resume`` or good
        probe stops nobody.
        """
        with store_answers():
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.time()
                pipeline.get(keys.RESUMED)
                (seconds, micros), resumed = pipeline.execute()
            now = int(seconds) * 1000 + int(micros) // 1000
            if begun_at is not None and begun_at <= int(resumed or 0) <= now:  # beyond now: this clock was set back
                return False
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hsetnx(keys.HALTED, "code", code)
                pipeline.hsetnx(keys.HALTED, "since", str(int(seconds) * 1000))
                return bool(pipeline.execute()[0])

    def resume(self) -> bool:
        """Submit again; False when nothing was halted and no circuit was open."""
        shut = (keys.HALTED, keys.CIRCUIT)
        with store_answers():
            was_shut = self._redis.exists(*shut)  # asked first: a delete whose answer was lost is done again, and finds nothing
            seconds, micros = self._redis.time()
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.delete(*shut)
                pipeline.set(keys.RESUMED, int(seconds) * 1000 + int(micros) // 1000)
                return bool(pipeline.execute()[0] or was_shut)

    def halted(self) -> Halt | None:
        """Why nothing is submitted, if so."""
        return self._rates.halted()

    def set_rate(self, rate: float | None, template: str | None = None) -> None:
        """Set the rate of all, or of one template; None takes it back. Raises ``ValueError`` for a rate that is none."""
        self._rates.set(rate, template)

    def state(self, given: float | None = None) -> RateState:
        """Rates, and what is shut; ``given``: the rate that the workers were given, when it is known."""
        return self._rates.state(given)

    def _ask(self, asks: Sequence[Ask]) -> Answer:
        wanted = [part for ask in asks for part in (ask.lane.value, ask.template, ",".join(map(str, ask.costs)))]
        named = [keys.RATE, keys.RATES, keys.HALTED, keys.CIRCUIT]
        asked = self._monotonic()
        answer = self._grant.run(named, [repr(self._rate), self._halt_probe, *wanted])
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
        # Ten processes' worth of submits, so many seconds late, are still less than 2 % of a high rate.
        harmless = _CROWD * 1e6 / lasts
        return Slot(at, at + max(_VOID, lasts / 4e6, harmless), probe, begin, begin + lasts)

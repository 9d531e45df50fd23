"""SlotQueue: the callers of this process that wait for slots; one of them, the asker, asks the store for all.

Takes callers with what they want; returns a ``Grant`` to each: slots in time, or the reason why not. The steps:
1. a caller joins the waiters of its lane and template;
2. the asker asks for everything that is wanted in one call, as soon as it is worth asking;
3. slots are handed out in order; a caller that has some leaves, and the next waiter becomes the asker.
However the asker ends, by an exception too, the next waiter asks. Slots granted to a caller that has given up meanwhile are given
back. ``ask`` may raise ``StoreUnavailable``, which every waiter then gets.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import structlog

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.rate_limit.pacing import Pacing
from smsrelay_worker.rate_limit.slot import Grant, Refusal, Slot
from smsrelay_worker.rate_limit.waiters import Ask, Event, Waiter, Waiters

_Unused = tuple[str, list[tuple[Slot, int]]]  # slots of a template, with their costs

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Offer:
    """What the store has for one ask: slots in the order of its costs, and when it is worth asking again."""

    slots: Sequence[Slot]
    wait: float  # seconds; 0 if all were granted


@dataclass(frozen=True, slots=True)
class Answer:
    """The store's answer to one call."""

    offers: Sequence[Offer] = ()  # one for each ask, unless everybody is refused
    ahead: float = 0.0  # seconds that are reserved by now
    refused: Grant | None = None  # for every waiter without a slot


class SlotQueue:
    """Safe to share between threads. ``ask`` and ``give_back`` call the store; no two threads call ``ask`` at once."""

    def __init__(
        self,
        ask: Callable[[Sequence[Ask]], Answer],
        give_back: Callable[[str, Sequence[tuple[Slot, int]]], None],
        pacing: Pacing,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        lock: AbstractContextManager[object] | None = None,
        event: Callable[[], Event] = threading.Event,
    ) -> None:
        self._ask = ask
        self._give_back = give_back
        self._refill = pacing.lanes.refill
        self._monotonic = monotonic
        self._event = event
        self._lock = lock or threading.Lock()  # over _waiters, _asker, and the fields of each waiter
        self._waiters = Waiters(pacing.ask_again)
        self._asker: Waiter | None = None

    def acquire(self, lane: Lane, template: str, costs: Sequence[int], patience: float) -> Grant:
        """Wait about ``patience`` seconds at most for at least one slot; slots in the order of ``costs``, maybe fewer.

        Raises ``StoreUnavailable``.
        """
        waiter = Waiter(lane, template, tuple(costs), self._monotonic() + patience, self._event())
        with self._lock:
            self._waiters.join(waiter)
            if self._asker is None:
                self._asker = waiter
            else:
                self._asker.called.set()
        try:
            while not waiter.served:
                if self._asker is waiter:
                    self._ask_when_due(waiter)
                else:
                    self._wait(waiter, waiter.until)
        finally:
            self._leave(waiter)
        if waiter.failure is not None:
            raise StoreUnavailable(str(waiter.failure))
        return waiter.grant or Grant((), Refusal.LATE)

    def _wait(self, waiter: Waiter, until: float) -> None:
        # The event is set after a change and cleared before the caller looks at it, so no change is missed.
        waiter.called.wait(max(0.0, min(until, waiter.until) - self._monotonic()))
        waiter.called.clear()
        if not waiter.served and self._monotonic() >= waiter.until:
            with self._lock:
                waiter.grant = waiter.grant or Grant((), Refusal.LATE)

    def _ask_when_due(self, waiter: Waiter) -> None:
        now = self._monotonic()
        with self._lock:
            asks = self._waiters.asks(now)
            due = now if asks else self._waiters.due()
        if not asks:
            self._wait(waiter, due)
            return
        try:
            answer = self._ask(asks)
        except StoreUnavailable as failure:
            with self._lock:
                self._fail(failure)
        else:
            with self._lock:
                unused = self._hand_out_all(asks, answer)
            for template, slots in unused:
                self._return(template, slots)

    def _return(self, template: str, slots: Sequence[tuple[Slot, int]]) -> None:
        try:
            self._give_back(template, slots)
        except StoreUnavailable as error:
            log.warning("slots not given back", slots=len(slots), reason=str(error))

    def _hand_out_all(self, asks: Sequence[Ask], answer: Answer) -> list[_Unused]:
        """Hand out what was granted; returns the slots whose callers have given up."""
        now = self._monotonic()
        unused = []
        for ask, offer in zip(asks, answer.offers, strict=False):
            unused.append((ask.template, self._hand_out(ask, offer.slots, now + offer.wait)))
            if offer.wait:
                self._waiters.hold(ask.lane, ask.template, now + offer.wait, now)
            if ask.lane is not Lane.OTP:
                self._waiters.hold(ask.lane, None, now + answer.ahead - self._refill, now)
        if answer.refused is not None:
            for waiter in self._waiters.all():
                self._serve(waiter, answer.refused)
        return [(template, slots) for template, slots in unused if slots]

    def _hand_out(self, ask: Ask, slots: Sequence[Slot], next_at: float) -> list[tuple[Slot, int]]:
        """Give slots to the waiters in order; one whose patience ends before the next slot is refused now."""
        taken, unused = 0, list[tuple[Slot, int]]()
        for waiter in ask.waiters:
            mine = tuple(slots[taken : taken + len(waiter.costs)])
            taken += len(mine)
            if waiter.served:  # its patience ended while the store was asked
                unused += zip(mine, waiter.costs, strict=False)
            elif mine:
                self._serve(waiter, Grant(mine))
            elif next_at > waiter.until:
                self._serve(waiter, Grant((), Refusal.LATE))
        return unused

    def _serve(self, waiter: Waiter, grant: Grant) -> None:
        waiter.grant = waiter.grant or grant
        self._waiters.leave(waiter)
        waiter.called.set()

    def _fail(self, failure: StoreUnavailable) -> None:
        for waiter in self._waiters.all():
            if not waiter.served:
                waiter.failure = failure
            self._waiters.leave(waiter)
            waiter.called.set()

    def _leave(self, waiter: Waiter) -> None:
        """Leave, and make the next waiter the asker."""
        with self._lock:
            self._waiters.leave(waiter)
            if self._asker is waiter:
                self._asker = next(self._waiters.all(), None)
                if self._asker is not None:
                    self._asker.called.set()

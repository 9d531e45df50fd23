"""Submitter: submits begun attempts to the vendor, several at a time, and passes their answers on to be recorded.

Takes attempts that are begun, each with its slot. The steps:
1. wait for the slot; if it is void by then, take another one, because the message is begun already;
2. submit nothing if this worker stalled since the begin, when the lease may belong to another worker, or if the deadline is over;
3. submit; the vendor's adapter turns whatever happens into an answer, and checks the deadline once more when it is connected;
4. pass the answer on, to be recorded together with others.
An unexpected exception in one attempt ends in that attempt's future; the others go on, and its lease decides.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from smsrelay.contract.key_ring import KeyRing
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.attempts.attempt import Attempt, CompletedAttempt
from smsrelay_worker.attempts.in_flight_limit import InFlightLimit
from smsrelay_worker.attempts.recorder import STALLED, AnswerRecorder
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.messages.task_result import TaskResult
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.slot import Slot
from smsrelay_worker.vendors.base import DEADLINE_PASSED, Answer, Kind, Vendor


class Submitter:
    """Safe to share between threads. Its threads start when they are first needed.

    ``callback_life``: seconds for which a callback URL is valid, which is as long as a report is awaited.
    """

    def __init__(  # noqa: PLR0913  the composition root hands over every collaborator by name
        self,
        *,
        vendor: Vendor,
        limiter: RateLimiter,
        recorder: AnswerRecorder,
        concurrency: int,
        callback_keys: KeyRing,
        callback_base: str | None,
        callback_life: float,
        timeouts: Timeouts,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vendor = vendor
        self._limiter = limiter
        self._recorder = recorder
        self._callback_keys = callback_keys
        self._callback_base = callback_base
        self._callback_life = callback_life
        self._timeouts = timeouts
        self._sleep = sleep
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(concurrency, "submit")
        self.in_flight = InFlightLimit(concurrency)  # the caller acquires a place for each attempt; we release it

    def submit(self, attempt: Attempt) -> TaskResult:
        """Submit in the calling thread; raises ``StoreUnavailable`` if the answer could not be recorded."""
        try:
            completed = self._complete(attempt)
        finally:
            self.in_flight.release(1)
        return self._recorder.record(completed)

    def start(self, attempt: Attempt) -> "Future[CompletedAttempt]":
        """Submit in another thread; the outcome is in the result's ``recorded``."""
        return self._threads.submit(self._run, attempt)

    def _run(self, attempt: Attempt) -> CompletedAttempt:
        try:
            completed = self._complete(attempt)
        finally:
            self.in_flight.release(1)
        self._recorder.record_later(completed)
        return completed

    def _complete(self, attempt: Attempt) -> CompletedAttempt:
        slot, answer, submitted_at = self._answer(attempt)
        took = None if submitted_at is None else self._monotonic() - submitted_at
        return CompletedAttempt(attempt if slot is attempt.slot else replace(attempt, slot=slot), answer, took, submitted_at)

    def _answer(self, attempt: Attempt) -> tuple[Slot, Answer, float | None]:
        """The slot that was used, the answer, and when the vendor was asked, if it was."""
        if attempt.payload is None and self._monotonic() >= attempt.not_after:  # the store drops it at the deadline
            return attempt.slot, Answer(Kind.UNREACHABLE, self._why_unsent(attempt)), None
        submission = attempt.submission(self._callback_keys, self._callback_base, self._callback_life)
        slot: Slot | None = attempt.slot
        last = attempt.slot
        while slot is not None:
            last = slot
            self._wait_until(min(slot.at, attempt.not_after))
            now = self._monotonic()
            left = min(attempt.requested_at + self._timeouts.stall, attempt.not_after) - now
            if left <= 0:
                break
            if now <= slot.until:
                return slot, self._vendor.submit(submission), now
            slot = self._another(attempt, slot, left)
        return last, Answer(Kind.UNREACHABLE, self._why_unsent(attempt)), None

    def _why_unsent(self, attempt: Attempt) -> str:
        """The deadline, if it came before the stall; after a stall this worker cannot tell how late it is."""
        stalls_at = attempt.requested_at + self._timeouts.stall
        return DEADLINE_PASSED if attempt.not_after <= stalls_at and self._monotonic() <= stalls_at else STALLED

    def _another(self, attempt: Attempt, void: Slot, patience: float) -> Slot | None:
        record = attempt.record
        try:
            if void.probe:  # else every worker would wait for a probe that is never sent
                self._limiter.give_back(record.template, [(void, attempt.cost)])
            grant = self._limiter.acquire(record.lane, record.template, [attempt.cost], patience)
        except StoreUnavailable:  # nothing was sent; the recorder keeps asking the store for longer
            return None
        return grant.slots[0] if grant.slots else None

    def _wait_until(self, at: float) -> None:
        wait = at - self._monotonic()
        if wait > 0:
            self._sleep(wait)

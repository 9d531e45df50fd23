"""Submitter: takes begun attempts to the vendor, several at a time, and hands their answers in.

Enters: attempts that are begun, each with its slot. Leaves: their outcomes, once recorded. The steps:
1. wait for the slot; one that is void by now is replaced, because the message is begun already;
2. a worker that stood still since the begin submits nothing: the lease may be somebody else's; and nothing is submitted late;
3. submit; the vendor's adapter turns whatever happens into an answer, and looks at the deadline once more when it is connected;
4. hand the answer in, to be recorded with others.
A fault of ours in one attempt ends in its own future; its neighbours go on, and its lease decides.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.attempts.attempt import Attempt, CompletedAttempt
from smsrelay_worker.attempts.in_flight_limit import InFlightLimit
from smsrelay_worker.attempts.recorder import STALLED, AnswerRecorder
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.rate_limit.limiter import Limit
from smsrelay_worker.rate_limit.slot import Slot
from smsrelay_worker.vendors.base import DEADLINE_PASSED, Answer, Kind, Vendor


class Submitter:
    """Submitter begun attempts; safe to share between threads. No thread is started before the first one is needed."""

    def __init__(  # noqa: PLR0913  the composition root hands over every collaborator by name
        self,
        *,
        vendor: Vendor,
        limit: Limit,
        answers: AnswerRecorder,
        concurrency: int,
        secret: bytes,
        callback_base: str | None,
        callback_life: float,
        waits: Timeouts,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vendor = vendor
        self._limit = limit
        self._answers = answers
        self._secret = secret
        self._callback_base = callback_base
        self._callback_life = callback_life  # seconds: as long as a report is awaited
        self._waits = waits
        self._sleep = sleep
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(concurrency, "submit")
        self.room = InFlightLimit(concurrency)  # who starts an attempt has taken a place for it; the attempt leaves it

    def here(self, begun: Attempt) -> Outcome:
        """Submit in the calling thread; raises ``StoreUnavailable`` when the answer could not be recorded."""
        try:
            ended = self._ended(begun)
        finally:
            self.room.leave(1)
        return self._answers.record(ended)

    def start(self, begun: Attempt) -> "Future[CompletedAttempt]":
        """Submit in a thread of ours; the outcome is in the result's ``recorded``."""
        return self._threads.submit(self._run, begun)

    def _run(self, begun: Attempt) -> CompletedAttempt:
        try:
            ended = self._ended(begun)
        finally:
            self.room.leave(1)
        self._answers.hand_in(ended)
        return ended

    def _ended(self, begun: Attempt) -> CompletedAttempt:
        slot, answer = self._answer(begun)
        return CompletedAttempt(begun if slot is begun.slot else replace(begun, slot=slot), answer)

    def _answer(self, begun: Attempt) -> tuple[Slot, Answer]:
        """The answer, and the slot it was asked in."""
        submission = begun.submission(self._secret, self._callback_base, self._callback_life)
        slot: Slot | None = begun.slot
        last = begun.slot
        while slot is not None:
            last = slot
            self._wait_until(min(slot.at, begun.not_after))
            now = self._monotonic()
            left = min(begun.asked + self._waits.stall, begun.not_after) - now
            if left <= 0:
                break
            if now <= slot.until:
                return slot, self._vendor.submit(submission)
            slot = self._another(begun, slot, left)
        return last, Answer(Kind.UNREACHABLE, self._why_unsent(begun))

    def _why_unsent(self, begun: Attempt) -> str:
        """The deadline, when it was the nearer bound; but after a stall nobody here knows how late it is."""
        stalls_at = begun.asked + self._waits.stall
        return DEADLINE_PASSED if begun.not_after <= stalls_at and self._monotonic() <= stalls_at else STALLED

    def _another(self, begun: Attempt, void: Slot, patience: float) -> Slot | None:
        record = begun.record
        try:
            if void.probe:  # else everybody would wait for a test that nobody makes
                self._limit.give_back(record.template, [(void, begun.cost)])
            grant = self._limit.acquire(record.lane, record.template, [begun.cost], patience)
        except StoreUnavailable:  # nothing has left the house, and who records the answer asks the store for longer
            return None
        return grant.slots[0] if grant.slots else None

    def _wait_until(self, at: float) -> None:
        wait = at - self._monotonic()
        if wait > 0:
            self._sleep(wait)

"""AnswerRecorder: records what submits brought, those that come meanwhile together (``attempts.batcher``).

Enters: attempts that ended. Leaves: their records moved on, each attempt's ``recorded`` set, and the limit told of success,
failure, throttling and halting. The record is known since the begin, so nothing is read first; when a report or the lease's end
was faster, the record is read and decided on again. An answer that is not of the record's last begin is noted, and means nothing
for anybody else.
A store that is away is asked again until the leases are over. Fails with ``StoreUnavailable`` for every attempt it was to record
then; the leases decide. An unexpected exception in one attempt is logged with its trace and kept from its neighbours.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog

from smsrelay.contract.state import State
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.attempts.attempt import CompletedAttempt
from smsrelay_worker.attempts.batcher import Batcher
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.messages import attempt_result as attempt_answer
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.messages.transition import Transition, Wake
from smsrelay_worker.policy.model import Action, Policy
from smsrelay_worker.rate_limit.halt import HaltedMessages
from smsrelay_worker.rate_limit.limiter import Limit
from smsrelay_worker.reports.pending import PendingReports
from smsrelay_worker.store.records import Change, Decide, Reading, Records
from smsrelay_worker.vendors.base import DEADLINE_PASSED, Answer, Kind

STALLED = "worker_stalled"  # surely not sent: by us
_UNTRIED = {STALLED, DEADLINE_PASSED}  # codes of attempts that say nothing of the vendor
_BREATH = 1.0  # seconds before a store that did not answer is asked again
_FAILED = {Kind.UNREACHABLE, Kind.UNCERTAIN}

_Asked = TypeVar("_Asked")

log = structlog.get_logger()


class AnswerRecorder:
    """Records attempts that ended; safe to share between threads."""

    def __init__(  # noqa: PLR0913  the composition root hands over every collaborator by name
        self,
        *,
        store: Records,
        limit: Limit,
        put_off: HaltedMessages,
        policy: Policy,
        unread: PendingReports,
        roll: Callable[[], float],
        waits: Timeouts,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._limit = limit
        self._put_off = put_off
        self._policy = policy
        self._unread = unread
        self._roll = roll
        self._waits = waits
        self._sleep = sleep
        self._monotonic = monotonic
        self._batcher: Batcher[CompletedAttempt] = Batcher(self._record_batch, sleep=sleep)

    def hand_in(self, ended: CompletedAttempt) -> None:
        """Have it recorded by another thread, and do not wait for that."""
        self._batcher.put(ended)

    def record(self, ended: CompletedAttempt) -> Outcome:
        """Have it recorded and wait for that; raises ``StoreUnavailable``."""
        self._batcher.process_now(ended)
        return ended.recorded.result()

    def _record_batch(self, batch: list[CompletedAttempt]) -> None:
        """Record answers; whatever happens, nobody who waits for one of them waits any longer."""
        try:
            self._record(batch)
        except StoreUnavailable as error:
            _fail(batch, error)
        except Exception as error:
            left = [ended for ended in batch if not ended.recorded.done()]
            if len(left) == 1:
                log.exception("recording an answer failed", message_id=left[0].begun.record.message_id)
                _fail(left, error)
            else:
                log.exception("recording answers failed; each is recorded alone")
                for ended in left:
                    self._record_batch([ended])
        finally:
            _fail(batch, RuntimeError("not recorded: the thread that was recording it was ended"))

    def _record(self, batch: list[CompletedAttempt]) -> None:
        changes = self._settled(batch)
        outcomes = [_became(change) for change in changes]
        self._follow_up(batch, changes)
        _tell(batch, outcomes)
        for ended, outcome in zip(batch, outcomes, strict=True):
            record = ended.begun.record
            text = f"{outcome} ({ended.answer.code})"
            ended.recorded.set_result(Outcome(text, record.message_id, record.lane.value, record.attempt))

    def _settled(self, batch: list[CompletedAttempt]) -> list[Change | None]:
        """What became of attempts. Raises ``StoreUnavailable``.

        Nobody else knows what the vendor answered: without it an attempt is uncertain, and an otp would be submitted again.
        """

        def settle() -> list[Change | None]:
            now = self._monotonic()
            batch.extend(self._batcher.take())  # those that came while the store was away, whose leases run out as well
            owed = [(Reading(ended.begun.record, None, ended.begun.store_time(now)), self._decide(ended)) for ended in batch]
            return self._store.change_many(owed)

        return self._while_leased(batch, settle)

    def _follow_up(self, batch: list[CompletedAttempt], changes: Sequence[Change | None]) -> None:
        """Do what follows from answers that are recorded. If it fails they are recorded all the same, and not once more."""
        ended_and_changed = list(zip(batch, changes, strict=True))
        counted = [ended for ended, change in ended_and_changed if self._counts(ended, change)]
        steps: list[Callable[[], None]] = [partial(self._settle, counted)]
        steps += [partial(self._heed, ended, change) for ended, change in ended_and_changed]
        for step in steps:
            try:
                self._while_leased(batch, step)
            except StoreUnavailable as error:
                log.warning("answers recorded, what follows from them is not done", messages=len(batch), reason=str(error))
                return
            except Exception:
                log.exception("an answer is recorded, but what follows from it failed")

    def _while_leased(self, batch: Sequence[CompletedAttempt], ask: Callable[[], _Asked]) -> _Asked:
        """Ask the store, once more every second while it is away and a lease lasts; raises ``StoreUnavailable`` after that."""
        while True:
            try:
                return ask()
            except StoreUnavailable as error:
                until = max((ended.begun.asked + self._waits.lease for ended in batch), default=0.0)
                if self._monotonic() + _BREATH > until:
                    raise
                log.warning("answers not recorded, tried again", messages=len(batch), reason=str(error))
                self._sleep(_BREATH)

    def _decide(self, ended: CompletedAttempt) -> Decide:
        def answered(reading: Reading) -> Transition | None:
            begun, answer = ended.begun.record, ended.answer
            return attempt_answer.answered(reading.record, begun, answer, self._policy, reading.now, self._roll())

        return answered

    def _counts(self, ended: CompletedAttempt, change: Change | None) -> bool:
        """Whether an answer counts in the circuit and as a probe: not when its begin was replaced or its message is gone."""
        if change is None:
            return False
        return _decided(change) or attempt_answer.counts(change.record, ended.begun.record, ended.answer, self._policy)

    def _settle(self, batch: Sequence[CompletedAttempt]) -> None:
        asked = [ended for ended in batch if ended.answer.code not in _UNTRIED]
        failed = [ended for ended in asked if ended.answer.kind in _FAILED]
        tests = [ended for ended in asked if ended.begun.slot.probe]
        newest = max(tests, key=lambda ended: ended.begun.slot.begins, default=None)
        for ended in batch:
            if ended.begun.slot.probe and ended.answer.code in _UNTRIED:  # another one tests the vendor
                self._limit.give_back(ended.begun.record.template, [(ended.begun.slot, ended.begun.cost)])
        if batch:
            well, slot = (self._well(newest.answer), newest.begun.slot) if newest else (None, None)
            reopened = self._limit.settled(answered=len(asked) - len(failed), failed=len(failed), probe=well, tested=slot)
            if reopened:
                self._put_off.wake_put_off()

    def _well(self, answer: Answer) -> bool:
        """Whether the vendor took a probe for what it is."""
        halts = self._policy.for_answer(answer).action is Action.HALT
        return answer.kind in {Kind.ANSWERED, Kind.REFUSED} and not halts

    def _heed(self, ended: CompletedAttempt, change: Change | None) -> None:
        """What one answer means for everybody else, and for reports that were waiting for it.

        An answer that was applied before, its reply lost, is not acted on again: the next submit gets the same answer.
        """
        answer = ended.answer
        action = self._policy.for_answer(answer).action
        if change is not None and _decided(change):
            if action is Action.DEFER:
                self._limit.throttled(max(self._waits.throttled, answer.retry_after or 0.0))
            if action is Action.HALT and self._limit.halt(answer.code, ended.begun.at):
                log.error("halted: the vendor refuses everything", code=answer.code, request_id=answer.request_id)
        if answer.external_id is not None and change is not None and change.applied is not None and change.applied.parked:
            self._unread.apply_parked(answer.external_id)


def _decided(change: Change) -> bool:
    """Whether the answer made something of its message: it was applied, and not only noted."""
    return change.transition is not None and change.transition.wake is not Wake.KEEP


def _became(change: Change | None) -> str:
    if change is None:
        return "no such message"
    if change.transition is None:  # it was applied before
        return change.record.state.value
    return change.transition.state.value if _decided(change) else f"noted, {change.record.state.value}"


def _tell(batch: Sequence[CompletedAttempt], outcomes: Sequence[str]) -> None:
    """Log each attempt; those that were submitted and recorded together in one line: lines cost much."""
    told = list(zip(batch, outcomes, strict=True))
    together = [ended for ended, outcome in told if outcome == State.SUBMITTED] if len(batch) > 1 else []
    if together:
        log.info("submitted to the vendor", submits=[_brief(ended) for ended in together])
    for ended, outcome in told:
        if not together or outcome != State.SUBMITTED:
            _tell_one(ended, outcome)


def _brief(ended: CompletedAttempt) -> str:
    record, answer = ended.begun.record, ended.answer
    return f"{record.message_id} {record.lane.value} attempt {record.attempt} {answer.code} {answer.request_id or ''}".rstrip()


def _tell_one(ended: CompletedAttempt, outcome: str) -> None:
    record, answer = ended.begun.record, ended.answer
    log.info(
        "submitted to the vendor" if outcome == State.SUBMITTED else "attempt ended",
        message_id=record.message_id,
        lane=record.lane.value,
        attempt=record.attempt,
        kind=answer.kind.value,
        code=answer.code,
        request_id=answer.request_id,
        outcome=outcome,
        **({"vendor_message": answer.message} if answer.message else {}),
    )


def _fail(batch: Sequence[CompletedAttempt], error: Exception) -> None:
    for ended in batch:
        if not ended.recorded.done():
            ended.recorded.set_exception(error)

"""AnswerRecorder: records the vendor's answers to attempts, several at once (``attempts.batcher``).

Takes completed attempts: moves their records on, sets each attempt's ``recorded``, and tells the rate limiter about success,
failure, throttling and halts. The record is known since the begin, so it is not read first; if a report or the end of the lease
came before, it is read and decided on again. An answer that does not belong to the record's last begin is noted and has no other
effect.
While the store is away it is asked again until the leases are over; then every attempt of the batch fails with
``StoreUnavailable``, and the leases decide. An unexpected exception in one attempt is logged with its traceback and does not
affect the others.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import structlog

from smsrelay.contract.state import State
from smsrelay.messages.transition import Transition, Wake
from smsrelay.store.connection import StoreUnavailable
from smsrelay.store.records import Change, Decide, Reading, Records
from smsrelay_worker.attempts.attempt import CompletedAttempt
from smsrelay_worker.attempts.batcher import Batcher
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.messages import attempt_result
from smsrelay_worker.messages.answer_tally import answer_tally
from smsrelay_worker.messages.task_result import TaskResult, Verdict
from smsrelay_worker.policy.model import Action, Policy
from smsrelay_worker.rate_limit.halted_messages import HaltedMessages
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.reports.pending import PendingReports
from smsrelay_worker.traces.message_traces import EndedAttempt, MessageTraces
from smsrelay_worker.vendors.base import DEADLINE_PASSED, Answer, Kind
from smsrelay_worker.vendors.labels import code_label

STALLED = "worker_stalled"  # surely not sent, because of us
_UNTRIED = {STALLED, DEADLINE_PASSED}  # codes of attempts that say nothing about the vendor
_RETRY_AFTER = 1.0  # seconds before a store that did not answer is asked again
_FAILED = {Kind.UNREACHABLE, Kind.UNCERTAIN}

_Asked = TypeVar("_Asked")

log = structlog.get_logger()


class AnswerRecorder:
    """Safe to share between threads. ``caps``: whether begins count attempts against caps. ``traces``: None traces nothing."""

    def __init__(  # noqa: PLR0913  the composition root hands over every collaborator by name
        self,
        *,
        records: Records,
        limiter: RateLimiter,
        halted_messages: HaltedMessages,
        policy: Policy,
        pending: PendingReports,
        roll: Callable[[], float],
        timeouts: Timeouts,
        caps: bool = False,
        traces: MessageTraces | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = records
        self._limiter = limiter
        self._halted_messages = halted_messages
        self._policy = policy
        self._pending = pending
        self._roll = roll
        self._timeouts = timeouts
        self._caps = caps
        self._traces = traces
        self._sleep = sleep
        self._monotonic = monotonic
        self._batcher: Batcher[CompletedAttempt] = Batcher(self._record_batch, sleep=sleep)

    def record_later(self, completed: CompletedAttempt) -> None:
        """Have it recorded by another thread; returns at once."""
        self._batcher.put(completed)

    def record(self, completed: CompletedAttempt) -> TaskResult:
        """Record it, or wait until another thread has; raises ``StoreUnavailable``."""
        self._batcher.process_now(completed)
        return completed.recorded.result()

    def _record_batch(self, batch: list[CompletedAttempt]) -> None:
        """Record answers; whatever happens, ``recorded`` of each is set, so that no caller waits for ever."""
        try:
            self._record(batch)
        except StoreUnavailable as error:
            _fail(batch, error)
        except Exception as error:
            left = [completed for completed in batch if not completed.recorded.done()]
            if len(left) == 1:
                log.exception("recording an answer failed", message_id=left[0].attempt.record.message_id)
                _fail(left, error)
            else:
                log.exception("recording answers failed, retrying one by one")
                for completed in left:
                    self._record_batch([completed])
        finally:
            _fail(batch, RuntimeError("not recorded: the thread that was recording it ended"))

    def _record(self, batch: list[CompletedAttempt]) -> None:
        changes = self._apply(batch)
        if self._traces is not None:
            self._traces.attempts([_ended(completed, change) for completed, change in zip(batch, changes, strict=True)])
        results = [_result(change) for change in changes]
        self._follow_up(batch, changes)
        _log(batch, results)
        for completed, change, result in zip(batch, changes, results, strict=True):
            record = completed.attempt.record
            text = f"{result} ({completed.answer.code})"
            verdict = Verdict.of(_became(change))
            result_of = TaskResult(text, record.message_id, record.lane.value, record.attempt, verdict)
            completed.recorded.set_result(result_of)

    def _apply(self, batch: list[CompletedAttempt]) -> list[Change | None]:
        """Apply the answers to their records. Raises ``StoreUnavailable``.

        No other worker knows what the vendor answered: without it an attempt is uncertain, and an otp would be submitted again.
        """

        def apply() -> list[Change | None]:
            now = self._monotonic()
            batch.extend(self._batcher.take())  # the ones that came while the store was away, whose leases run out as well
            readings = [Reading(one.attempt.record, None, one.attempt.store_time(now)) for one in batch]
            return self._records.change_many(list(zip(readings, map(self._decide, batch), strict=True)), durable=True)

        return self._while_leased(batch, apply)

    def _follow_up(self, batch: list[CompletedAttempt], changes: Sequence[Change | None]) -> None:
        """Tell the limiter and pending reports about answers that are recorded. If this fails they stay recorded, once."""
        pairs = list(zip(batch, changes, strict=True))
        counted = [completed for completed, change in pairs if self._is_counted(completed, change)]
        steps: list[Callable[[], None]] = [partial(self._record_outcomes, counted)]
        steps += [partial(self._act_on, completed, change) for completed, change in pairs]
        for step in steps:
            try:
                self._while_leased(batch, step)
            except StoreUnavailable as error:
                log.warning("answers recorded, but their follow-up was skipped", messages=len(batch), reason=str(error))
                return
            except Exception:
                log.exception("answer recorded, but its follow-up failed")

    def _while_leased(self, batch: Sequence[CompletedAttempt], ask: Callable[[], _Asked]) -> _Asked:
        """Ask the store, and while it is away ask again every second until the last lease is over; then ``StoreUnavailable``."""
        while True:
            try:
                return ask()
            except StoreUnavailable as error:
                until = max((one.attempt.requested_at + self._timeouts.lease for one in batch), default=0.0)
                if self._monotonic() + _RETRY_AFTER > until:
                    raise
                log.warning("answers not recorded yet, retrying", messages=len(batch), reason=str(error))
                self._sleep(_RETRY_AFTER)

    def _decide(self, completed: CompletedAttempt) -> Decide:
        def answered(reading: Reading) -> Transition | None:
            begun, answer = completed.attempt.record, completed.answer
            moved = attempt_result.answered(reading.record, begun, answer, self._policy, reading.now, self._roll())
            if moved is None:
                return None
            moved = replace(moved, tally=answer_tally(begun, answer, self._policy, completed.took, code_label(answer.code)))
            return attempt_result.counted(moved, answer) if self._caps else moved

        return answered

    def _is_counted(self, completed: CompletedAttempt, change: Change | None) -> bool:
        """Whether an answer counts for circuit and probe: not if another begin replaced its own, or its message is gone."""
        if change is None:
            return False
        begun, answer = completed.attempt.record, completed.answer
        return _decided(change) or attempt_result.counts(change.record, begun, answer, self._policy)

    def _record_outcomes(self, batch: Sequence[CompletedAttempt]) -> None:
        tried = [one for one in batch if one.answer.code not in _UNTRIED]
        failed = [one for one in tried if one.answer.kind in _FAILED]
        probes = [one for one in tried if one.attempt.slot.probe]
        newest = max(probes, key=lambda one: one.attempt.slot.begins, default=None)
        for one in batch:
            if one.attempt.slot.probe and one.answer.code in _UNTRIED:  # let another submit be the probe
                self._limiter.give_back(one.attempt.record.template, [(one.attempt.slot, one.attempt.cost)])
        if batch:
            resumed = self._limiter.record_outcomes(
                answered=len(tried) - len(failed),
                failed=len(failed),
                probe_succeeded=self._succeeded(newest.answer) if newest else None,
                probe_slot=newest.attempt.slot if newest else None,
            )
            if resumed:
                self._halted_messages.wake_all(self._limiter.state().configured)

    def _succeeded(self, answer: Answer) -> bool:
        """Whether a probe shows that the vendor works and does not reject every submit."""
        halts = self._policy.for_answer(answer).action is Action.HALT
        return answer.kind in {Kind.ANSWERED, Kind.REFUSED} and not halts

    def _act_on(self, completed: CompletedAttempt, change: Change | None) -> None:
        """Throttle or halt all workers if the answer says so, and apply reports that waited for its external id.

        An answer that was applied before, its reply lost, does not throttle or halt again: the next submit gets the same answer.
        """
        attempt, answer = completed.attempt, completed.answer
        action = self._policy.for_answer(answer).action
        if change is not None and _decided(change):
            if action is Action.DEFER:
                self._limiter.throttle(max(self._timeouts.throttled, answer.retry_after or 0.0))
            if action is Action.HALT and self._limiter.halt(answer.code, attempt.begun_at):
                log.error("halted: the vendor refuses everything", code=answer.code, request_id=answer.request_id)
        if answer.external_id is not None and change is not None and change.applied is not None and change.applied.parked:
            self._pending.apply_parked(answer.external_id)


def _ended(completed: CompletedAttempt, change: Change | None) -> EndedAttempt:
    begun, since = completed.attempt.record, completed.attempt.requested_at
    return EndedAttempt(begun, since, _became(change), completed.answer, completed.submitted_at, completed.took or 0.0)


def _decided(change: Change) -> bool:
    """Whether the answer changed its message: it was applied, and not only noted."""
    return change.transition is not None and change.transition.wake is not Wake.KEEP


def _result(change: Change | None) -> str:
    if change is None:
        return "no such message"
    if change.transition is None:  # it was applied before
        return change.record.state.value
    return change.transition.state.value if _decided(change) else f"noted, {change.record.state.value}"


def _became(change: Change | None) -> State | None:
    """The state into which an answer brought its message; None: into none."""
    return change.transition.state if change is not None and change.transition is not None and _decided(change) else None


def _log(batch: Sequence[CompletedAttempt], results: Sequence[str]) -> None:
    """Log each attempt; the ones that were submitted and recorded together share a line, because lines are expensive."""
    pairs = list(zip(batch, results, strict=True))
    together = [completed for completed, result in pairs if result == State.SUBMITTED] if len(batch) > 1 else []
    if together:
        log.info("submitted to the vendor", submits=[_brief(completed) for completed in together])
    for completed, result in pairs:
        if not together or result != State.SUBMITTED:
            _log_one(completed, result)


def _brief(completed: CompletedAttempt) -> str:
    record, answer = completed.attempt.record, completed.answer
    return f"{record.message_id} {record.lane.value} attempt {record.attempt} {answer.code} {answer.request_id or ''}".rstrip()


def _log_one(completed: CompletedAttempt, result: str) -> None:
    record, answer = completed.attempt.record, completed.answer
    log.info(
        "submitted to the vendor" if result == State.SUBMITTED else "attempt ended",
        message_id=record.message_id,
        lane=record.lane.value,
        attempt=record.attempt,
        kind=answer.kind.value,
        code=answer.code,
        request_id=answer.request_id,
        outcome=result,
        **({"vendor_message": answer.message} if answer.message else {}),
    )


def _fail(batch: Sequence[CompletedAttempt], error: Exception) -> None:
    for completed in batch:
        if not completed.recorded.done():
            completed.recorded.set_exception(error)

"""Answers: records what submits brought, gathered: whoever comes first records for all who came meanwhile.

Enters: attempts that ended. Leaves: their records moved on, each attempt's ``recorded`` set, and the limit told of success,
failure, throttling and halting. The record is known since the begin, so nothing is read first; when a report or the lease's end
was faster, the record is read and decided on again. An answer that is not of the record's last begin is noted, and means nothing
for anybody else.
A store that is away is asked again until the leases are over. Fails with ``StoreUnavailable`` for every attempt it was to record
then; the leases decide. A fault of ours in one attempt is
logged with its trace and kept from its neighbours.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from producers.connection import StoreUnavailable
from producers.record import State
from worker import attempt_answer
from worker.begun import Ended
from worker.limit import Limit
from worker.outcome import Outcome
from worker.policy import Action, Policy
from worker.put_off import PutOff
from worker.store import Change, Decide, Reading, Store
from worker.transition import Transition, Wake
from worker.unread import Unread
from worker.vendor.answer import DEADLINE_PASSED, Answer, Kind
from worker.waits import Waits

STALLED = "worker_stalled"  # surely not sent: by us
_UNTRIED = {STALLED, DEADLINE_PASSED}  # codes of attempts that say nothing of the vendor
_AT_MOST = 100  # a round trip
_WORTH_IT = 16  # a round trip; for fewer, a moment is waited for more to come …
_BREATH = 1.0  # seconds before a store that did not answer is asked again
_LINGER = 0.005  # … of so many seconds; a lone message is recorded at once
_FAILED = {Kind.UNREACHABLE, Kind.UNCERTAIN}

log = structlog.get_logger()


class Answers:
    """Records attempts that ended; safe to share between threads."""

    def __init__(  # noqa: PLR0913  the composition root hands over every collaborator by name
        self,
        *,
        store: Store,
        limit: Limit,
        put_off: PutOff,
        policy: Policy,
        unread: Unread,
        roll: Callable[[], float],
        waits: Waits,
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
        self._gathered: deque[Ended] = deque()
        self._turn = threading.Lock()

    def hand_in(self, ended: Ended) -> None:
        """Have it recorded, by this thread or by the one that is recording now; does not wait for that one."""
        self._gathered.append(ended)
        # Looked at again after each turn: what came while the turn was ending has nobody else.
        while self._gathered and self._turn.acquire(blocking=False):
            try:
                if len(self._gathered) < _WORTH_IT:
                    self._sleep(_LINGER)
                self._record_gathered()
            finally:
                self._turn.release()

    def record(self, ended: Ended) -> Outcome:
        """Have it recorded and wait for that; raises ``StoreUnavailable``."""
        self._gathered.append(ended)
        with self._turn:
            while not ended.recorded.done():
                self._record_gathered()
        return ended.recorded.result()

    def _record_gathered(self) -> None:
        batch: list[Ended] = []
        while self._gathered and len(batch) < _AT_MOST:
            batch.append(self._gathered.popleft())
        try:
            self._record(batch)
        except StoreUnavailable as error:
            _fail(batch, error)
        except Exception:
            log.exception("recording answers failed; each is recorded alone")
            self._record_each([ended for ended in batch if not ended.recorded.done()])

    def _record_each(self, batch: Sequence[Ended]) -> None:
        for ended in batch:
            try:
                self._record([ended])
            except StoreUnavailable as error:
                _fail([ended], error)
            except Exception as error:
                log.exception("recording an answer failed", message_id=ended.begun.record.message_id)
                _fail([ended], error)

    def _record(self, batch: Sequence[Ended]) -> None:
        changes = self._settled(batch)
        self._settle([ended for ended, change in zip(batch, changes, strict=True) if self._counts(ended, change)])
        outcomes = [_became(change) for change in changes]
        _tell(batch, outcomes)
        for ended, change, outcome in zip(batch, changes, outcomes, strict=True):
            self._heed(ended, change)
            record = ended.begun.record
            text = f"{outcome} ({ended.answer.code})"
            ended.recorded.set_result(Outcome(text, record.message_id, record.lane.value, record.attempt))

    def _settled(self, batch: Sequence[Ended]) -> list[Change | None]:
        """What became of attempts; a store that is away is asked again while a lease lasts. Raises ``StoreUnavailable`` then.

        Nobody else knows what the vendor answered: without it an attempt is uncertain, and an otp would be submitted again.
        """
        until = max((ended.begun.asked + self._waits.lease for ended in batch), default=0.0)
        while True:
            now = self._monotonic()
            owed = [(Reading(ended.begun.record, None, ended.begun.store_time(now)), self._decide(ended)) for ended in batch]
            try:
                return self._store.change_many(owed)
            except StoreUnavailable as error:
                if now + _BREATH > until:
                    raise
                log.warning("answers not recorded, tried again", messages=len(batch), reason=str(error))
                self._sleep(_BREATH)

    def _decide(self, ended: Ended) -> Decide:
        def answered(reading: Reading) -> Transition | None:
            begun, answer = ended.begun.record, ended.answer
            return attempt_answer.answered(reading.record, begun, answer, self._policy, reading.now, self._roll())

        return answered

    def _counts(self, ended: Ended, change: Change | None) -> bool:
        """Whether an answer counts in the circuit and as a probe: not when its begin was replaced or its message is gone."""
        if change is None:
            return False
        return _decided(change) or attempt_answer.counts(change.record, ended.begun.record, ended.answer, self._policy)

    def _settle(self, batch: Sequence[Ended]) -> None:
        asked = [ended for ended in batch if ended.answer.code not in _UNTRIED]
        failed = [ended for ended in asked if ended.answer.kind in _FAILED]
        probes = [self._well(ended.answer) for ended in asked if ended.begun.slot.probe]
        if batch:
            probe = all(probes) if probes else None
            reopened = self._limit.settled(answered=len(asked) - len(failed), failed=len(failed), probe=probe)
            if reopened:
                self._put_off.wake_put_off()

    def _well(self, answer: Answer) -> bool:
        """Whether the vendor took a probe for what it is."""
        halts = self._policy.for_answer(answer.kind, answer.code).action is Action.HALT
        return answer.kind in {Kind.ANSWERED, Kind.REFUSED} and not halts

    def _heed(self, ended: Ended, change: Change | None) -> None:
        """What one answer means for everybody else, and for reports that were waiting for it.

        An answer that was applied before, its reply lost, is not acted on again: the next submit gets the same answer.
        """
        answer = ended.answer
        action = self._policy.for_answer(answer.kind, answer.code).action
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


def _tell(batch: Sequence[Ended], outcomes: Sequence[str]) -> None:
    """Log each attempt; those that were submitted and recorded together in one line: lines cost much."""
    told = list(zip(batch, outcomes, strict=True))
    together = [ended for ended, outcome in told if outcome == State.SUBMITTED] if len(batch) > 1 else []
    if together:
        log.info("submitted to the vendor", submits=[_brief(ended) for ended in together])
    for ended, outcome in told:
        if not together or outcome != State.SUBMITTED:
            _tell_one(ended, outcome)


def _brief(ended: Ended) -> str:
    record, answer = ended.begun.record, ended.answer
    return f"{record.message_id} {record.lane.value} attempt {record.attempt} {answer.code} {answer.request_id or ''}".rstrip()


def _tell_one(ended: Ended, outcome: str) -> None:
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
    )


def _fail(batch: Sequence[Ended], error: Exception) -> None:
    for ended in batch:
        if not ended.recorded.done():
            ended.recorded.set_exception(error)

"""Sender: the door through which a message is attempted.

Enters: message ids, from a wake-up that may be a repetition. Leaves: for each an ``Outcome`` saying what became of it. The steps:
1. claim the wake-up and read the record; one that finds nothing to start ends here;
2. wait for a slot in the shared rate; without one, or halted, the message is put off, which is no attempt;
3. begin: write the attempt down, leased, before anything leaves the house (compare-and-set: one of many wake-ups wins);
4. submit to the vendor;
5. record the answer, whatever a report may have written meanwhile.
Killed between 3 and 5, the lease runs out and the message is uncertain; it is not submitted again blindly.
Fails with ``StoreUnavailable``: before 3 nothing has happened, after 3 the lease decides.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from producers.record import Record, State
from producers.template import Registry
from producers.token import CallbackToken
from worker import lifecycle
from worker.cost import cost
from worker.limit import Grant, Limit, Refusal, Slot
from worker.outcome import Outcome
from worker.policy import Action, Policy
from worker.status import Reports
from worker.store import Payload, Reading, Store
from worker.transition import Transition
from worker.vendor.answer import Answer, Kind, Submission, Vendor

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a sender waits and holds, in seconds."""

    slot: float = 6.0  # for a slot, before the message is put off; with the next one less than store.HOLD
    claim_again: float = 4.0  # since the claim of a chunk, before its rest is claimed again
    stall: float = 5.0  # between begin and submit; later, the lease may be somebody else's
    put_off: float = 5.0  # a message without a slot
    halted: float = 10.0  # a message while everything is halted
    lease: float = 60.0  # an attempt, before it counts as abandoned; above the vendor's longest time-outs
    throttled: float = 1.0  # everybody, after the vendor throttled


class Sender:
    """Attempts messages; safe to share between threads."""

    def __init__(  # noqa: PLR0913  the composition root hands over every collaborator by name
        self,
        *,
        store: Store,
        limit: Limit,
        vendor: Vendor,
        policy: Policy,
        reports: Reports,
        secret: bytes,
        callback_base: str | None,
        waits: Waits,
        roll: Callable[[], float],
        registry: Registry,
        segments: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._limit = limit
        self._vendor = vendor
        self._policy = policy
        self._reports = reports
        self._secret = secret
        self._callback_base = callback_base
        self._waits = waits
        self._roll = roll
        self._registry = registry
        self._segments = segments
        self._monotonic = monotonic

    def attempt(self, message_ids: Sequence[str]) -> list[Outcome]:
        """Attempt each message that waits to be attempted; raises ``StoreUnavailable``."""
        outcomes: list[Outcome] = []
        claimed: dict[str, Reading | None] = {}
        claimed_at = self._monotonic()
        for place, message_id in enumerate(message_ids):
            if not claimed or self._monotonic() - claimed_at > self._waits.claim_again:
                claimed_at = self._monotonic()
                claimed = dict(zip(message_ids[place:], self._store.claim(message_ids[place:]), strict=True))
            outcomes.append(self._attempt(message_id, claimed[message_id], claimed_at))
        return outcomes

    def _attempt(self, message_id: str, reading: Reading | None, read_at: float) -> Outcome:
        if reading is None:
            return Outcome("no such message", message_id)
        if reading.parked:
            self._reports.apply_parked(message_id)
        if reading.record.state is not State.QUEUED:
            return _attempted(reading.record, reading.record.attempt, f"nothing to start: {reading.record.state.value}")
        grant = self._acquire(reading)
        while grant.slots and not self._limit.wait_for(grant.slots[0]):
            grant = self._acquire(reading)
        current = replace(reading, now=reading.now + int((self._monotonic() - read_at) * 1000))
        return self._begin(current, grant.slots[0]) if grant.slots else self._put_off(current, grant)

    def _acquire(self, reading: Reading) -> Grant:
        record = reading.record
        costs = (self._cost(record.template, reading.payload),)
        return self._limit.acquire(record.lane, record.template, costs, self._waits.slot)

    def _cost(self, template: str, payload: Payload | None) -> int:
        return cost(self._registry.get(template), payload.params) if self._segments and payload else 1

    def _put_off(self, reading: Reading, grant: Grant) -> Outcome:
        refused = grant.refused or Refusal.LATE
        delay = int(1000 * (self._waits.halted if refused is Refusal.HALTED else self._waits.put_off))
        rule = refused.value

        def put_off(reading: Reading) -> Transition | None:
            return lifecycle.deferred(reading.record, reading.now, delay, rule, self._policy)

        self._store.change(reading.record.message_id, put_off, reading)
        return _attempted(reading.record, reading.record.attempt, f"put off: {rule}")

    def _begin(self, reading: Reading, slot: Slot) -> Outcome:
        owner, asked = secrets.token_hex(6), self._monotonic()
        lease = int(self._waits.lease * 1000)

        def begin(reading: Reading) -> Transition | None:
            return lifecycle.begin(reading.record, reading.now, lease, owner, self._policy)

        change = self._store.change(reading.record.message_id, begin, reading)
        if change is None:
            return _attempted(reading.record, 0, "no such message")
        record, begun = change.record, change.transition
        if begun is not None and begun.state is State.SUBMITTING:
            return self._submit(record, begun.attempt, reading.payload, asked, slot)
        if begun is None and record.state is State.SUBMITTING and record.owner == owner:
            # The store's answer to our own begin was lost on the way; the attempt is ours all the same.
            return self._submit(record, record.attempt, reading.payload, asked, slot)
        self._limit.give_back([slot])
        outcome = begun.state.value if begun else f"nothing to start: {record.state.value}"
        return _attempted(record, record.attempt, outcome)

    def _submit(self, record: Record, attempt: int, payload: Payload | None, asked: float, slot: Slot) -> Outcome:
        if payload is None:
            raise LookupError(f"message {record.message_id} waits without its payload")
        if self._monotonic() - asked > self._waits.stall:
            answer = Answer(Kind.UNREACHABLE, "worker_stalled")  # surely not sent: by us, right here
        else:
            answer = self._vendor.submit(self._submission(record, attempt, payload))

        def answered(reading: Reading) -> Transition | None:
            return lifecycle.answered(reading.record, attempt, answer, self._policy, reading.now, self._roll())

        change = self._store.change(record.message_id, answered)
        outcome = change.transition.state.value if change and change.transition else "no such message"
        log.info(
            "submitted to the vendor" if outcome == State.SUBMITTED else "attempt ended",
            message_id=record.message_id,
            lane=record.lane.value,
            attempt=attempt,
            kind=answer.kind.value,
            code=answer.code,
            request_id=answer.request_id,
            outcome=outcome,
        )
        self._heed(answer, slot)
        return _attempted(record, attempt, f"{outcome} ({answer.code})")

    def _heed(self, answer: Answer, slot: Slot) -> None:
        """What one answer means for everybody else, and for reports that were waiting for it."""
        action = self._policy.for_answer(answer.kind, answer.code).action
        if action is Action.DEFER:
            self._limit.throttled(max(self._waits.throttled, answer.retry_after or 0.0))
        if action is Action.HALT:
            self._limit.halt(answer.code)
            log.error("halted: the vendor refuses everything", code=answer.code, request_id=answer.request_id)
        failed = answer.kind in {Kind.UNREACHABLE, Kind.UNCERTAIN}
        good = answer.kind in {Kind.ANSWERED, Kind.REFUSED} and action is not Action.HALT
        self._limit.settled(answered=int(not failed), failed=int(failed), probe=good if slot.probe else None)
        if answer.external_id is not None:
            self._reports.apply_parked(answer.external_id)

    def _submission(self, record: Record, attempt: int, payload: Payload) -> Submission:
        path = CallbackToken(record.message_id, attempt).path(self._secret)
        return Submission(
            message_id=record.message_id,
            attempt=attempt,
            lane=record.lane,
            to=payload.to,
            template=record.template,
            params=payload.params,
            callback_url=self._callback_base.rstrip("/") + path if self._callback_base else None,
        )


def _attempted(record: Record, attempt: int, text: str) -> Outcome:
    return Outcome(text, record.message_id, record.lane.value, attempt)

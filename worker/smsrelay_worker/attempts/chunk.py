"""Chunk: the messages of one wake-up, from their claim until each is answered, deferred or given back.

The steps, repeated until no message waits:
1. claim the waiting messages, and again every few seconds, so that their wake-ups do not count as lost; test messages end here,
   in the sandbox, and what may not be attempted now is turned away (``attempts.admission``);
2. take places in the in-flight limit, then slots in the shared rate; messages without a slot are deferred (no attempt counted);
3. begin the attempts that have a slot, in one round trip, and submit them while the next slots are waited for; what the store
   bars is turned away;
4. give back what has not begun after a while, or when the process is to stop: another worker is woken for it.
If the store fails during a begin, it is asked again until it answers: what it did begin has certainly not been submitted.
Raises ``StoreUnavailable`` once the submits in flight ended. What has not begun is unchanged; for the rest the lease decides.
"""

import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace

import structlog

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.checks import Barred
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay.store.connection import StoreUnavailable
from smsrelay.store.records import Change, Decide, Reading
from smsrelay_worker.attempts.attempt import Attempt, CompletedAttempt
from smsrelay_worker.attempts.send_context import SendContext
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.task_result import Fault, TaskResult, Verdict
from smsrelay_worker.rate_limit.slot import Refusal, Slot

_PATIENCE = 1.0  # seconds to wait for a place before checking the clock again
_RETRY_AFTER = 1.0  # seconds before a store that did not answer is asked again
_OURS = {State.SUBMITTING, State.UNCERTAIN}  # states that our own attempt may be in after a lost begin reply

log = structlog.get_logger()


@dataclass(slots=True)
class _Begun:
    """What came of beginning attempts: those that began, the slots of the others with their costs, and what was barred."""

    attempts: list[Attempt] = field(default_factory=list)
    unused: list[tuple[Slot, int]] = field(default_factory=list)
    barred: list[tuple[Reading, Barred]] = field(default_factory=list)


class Chunk:
    """The messages of one wake-up; used once, by one thread."""

    def __init__(self, context: SendContext, message_ids: Iterable[str]) -> None:
        self._context = context
        self._outcomes: dict[str, TaskResult | None] = dict.fromkeys(message_ids)
        self._waiting: dict[str, Reading] = {}
        self._flights: list[Future[CompletedAttempt]] = []
        self._taken_at = self._claimed_at = self._read_at = context.monotonic()

    def attempt(self) -> list[TaskResult]:
        """Attempt each message that waits for it; returns an outcome for each. Raises ``StoreUnavailable``."""
        try:
            self._claim(list(self._outcomes))
            while self._waiting:
                self._go_on()
        finally:
            wait(self._flights)
            wait([flight.result().recorded for flight in self._flights if flight.exception() is None])
        for flight in self._flights:
            outcome = flight.result().recorded.result()
            self._outcomes[outcome.message_id] = outcome
        return [outcome for outcome in self._outcomes.values() if outcome is not None]

    def _go_on(self) -> None:
        context, now = self._context, self._context.monotonic()
        if len(self._outcomes) > 1 and (context.stopping.is_set() or now - self._taken_at > context.timeouts.chunk):
            self._give_back()
        elif now - self._claimed_at > context.timeouts.reclaim:
            self._claim(list(self._waiting))
        else:
            self._start_some()

    def _claim(self, message_ids: Sequence[str]) -> None:
        """Claim messages and keep those that wait for an attempt. One that raises unexpectedly does not stop the others."""
        self._claimed_at = self._context.monotonic()
        try:
            self._claim_together(message_ids)
        except StoreUnavailable:
            raise
        except Exception as error:
            if len(message_ids) > 1:
                for message_id in message_ids:
                    self._claim([message_id])
                return
            [message_id] = message_ids
            log.exception("message not attempted", message_id=message_id)
            self._waiting.pop(message_id, None)
            self._outcomes[message_id] = TaskResult(str(Fault(type(error).__name__)), message_id, verdict=Verdict.FAILED)

    def _claim_together(self, message_ids: Sequence[str]) -> None:
        context = self._context
        readings = context.records.claim(message_ids)
        self._read_at = context.monotonic()  # after the reply: a claim that arrives late must not make anything expire early
        tests: list[Reading] = []
        unreadable: list[Reading] = []
        turned_away: list[tuple[Reading, Barred]] = []
        for message_id, reading in zip(message_ids, readings, strict=True):
            self._waiting.pop(message_id, None)
            if reading is None:
                self._outcomes[message_id] = TaskResult("no such message", message_id)
                continue
            if reading.parked:
                context.pending.apply_parked(message_id)
            if reading.reported:
                context.pending.apply(reading.record)  # if a report decides, the begin finds that the record has changed
            if reading.record.state is not State.QUEUED:
                self._end(reading.record, f"nothing to start: {reading.record.state.value}")
            elif reading.unreadable is not None:
                unreadable.append(reading)
            elif reading.record.test:
                tests.append(reading)
            elif (by := context.admission.bar(reading)) is not None:
                turned_away.append((reading, by))
            else:
                self._waiting[message_id] = reading
        self._leave(unreadable)
        self._turn_away(turned_away)
        for result in context.sandbox.attempt(tests) if tests else ():
            self._outcomes[result.message_id] = result

    def _leave(self, unreadable: Sequence[Reading]) -> None:
        """Leave messages waiting whose payload does not open: another worker, or a later setting, may have the key."""
        for reading in unreadable:
            self._end(reading.record, "left waiting: its payload does not open", Verdict.WAITS)
        if unreadable:
            first = unreadable[0]
            log.error(
                "payloads not opened, messages left waiting",
                messages=len(unreadable),
                message_id=first.record.message_id,
                reason=first.unreadable,
            )

    def _start_some(self) -> None:
        in_flight = self._context.submitter.in_flight
        alike = self._alike()
        places = in_flight.acquire(len(alike), _PATIENCE)
        if places == 0:
            return
        begun = _Begun()
        try:
            self._begin(alike[:places], begun)
        finally:
            in_flight.release(places - len(begun.attempts))
        self._submit(begun.attempts)
        # Not before: waiting for a silent store would make the begun attempts too old to be submitted.
        self._give_back_slots(alike[0].record.template, begun.unused)
        self._turn_away(begun.barred)

    def _alike(self) -> list[Reading]:
        """Those that wait for slots of the same lane and template as the first one."""
        first = next(iter(self._waiting.values())).record
        kind = (first.lane, first.template)
        return [one for one in self._waiting.values() if (one.record.lane, one.record.template) == kind]

    def _submit(self, begun: Sequence[Attempt]) -> None:
        submitter = self._context.submitter
        if len(self._outcomes) == 1:
            for one in begun:  # a single message is submitted in this thread
                self._outcomes[one.record.message_id] = submitter.submit(one)
        else:
            for one in begun:  # one by one: if one cannot be started, those in flight are still waited for
                self._flights.append(submitter.start(one))

    def _begin(self, readings: Sequence[Reading], begun: "_Begun") -> None:
        """Begin as many messages as there are slots; adds to ``begun``, also if it raises."""
        context, first = self._context, readings[0].record
        costs = [context.cost.of(one.record.template, one.payload.params if one.payload else None) for one in readings]
        grant = context.limiter.acquire(first.lane, first.template, costs, context.timeouts.slot)
        if grant.refused is not None and not grant.slots:
            self._put_off(grant.refused, readings, grant.next_probe)
        asked, owner = context.monotonic(), secrets.token_urlsafe(6)
        lease = int(context.timeouts.lease * 1000)

        def begin(reading: Reading) -> Transition | None:
            checks = context.admission.checks(reading)
            return lifecycle.begin(reading.record, reading.now, lease, owner, context.policy, checks)

        granted = [self._current(one) for one in readings[: len(grant.slots)]]
        changes = self._settled([(one, begin) for one in granted])
        told = context.monotonic()
        for reading, slot, price, change in zip(granted, grant.slots, costs, changes, strict=False):
            started = _started(change, owner, (asked, told), slot, price)
            del self._waiting[reading.record.message_id]
            if started is not None:
                begun.attempts.append(started)
                continue
            begun.unused.append((slot, price))
            if change is not None and change.barred is not None:
                begun.barred.append((change.reading, change.barred))
            became = change.transition.state if change is not None and change.transition is not None else None
            self._end(reading.record, _not_begun(change), Verdict.of(became))

    def _turn_away(self, owed: Sequence[tuple[Reading, Barred]]) -> None:
        for result in self._context.admission.turn_away(owed):
            self._outcomes[result.message_id] = result

    def _give_back_slots(self, template: str, unused: Sequence[tuple[Slot, int]]) -> None:
        """Return unused slots to the rate; a slot that is not returned lapses."""
        try:
            self._context.limiter.give_back(template, unused)
        except StoreUnavailable as error:
            log.warning("slots not given back", slots=len(unused), reason=str(error))
        except Exception:
            log.exception("slots not given back", slots=len(unused))

    def _settled(self, owed: Sequence[tuple[Reading, Decide]]) -> list[Change | None]:
        """The results of begins, however long the store is away; raises ``StoreUnavailable`` if the process is to stop.

        A store that did not answer may have begun some attempts, and only the holder of the owner token knows that nothing was
        submitted. Asked again, it says which attempts are ours; those that are too old by then are not submitted (the stall).
        """
        while True:
            try:
                return self._context.records.change_many(owed, durable=True)
            except StoreUnavailable as error:
                log.warning("begins not answered, asked again", messages=len(owed), reason=str(error))
                if self._context.stopping.wait(_RETRY_AFTER):
                    raise

    def _put_off(self, refused: Refusal, readings: Sequence[Reading], next_probe: float | None) -> None:
        """Defer the messages without a slot; all that wait, if nothing may be submitted at all, but not beyond the next probe."""
        context, rule = self._context, refused.value
        wait = context.timeouts.no_slot if refused is Refusal.LATE else context.timeouts.halted
        if next_probe is not None:
            wait = min(wait, max(next_probe, _RETRY_AFTER))
        owed = readings if refused is Refusal.LATE else list(self._waiting.values())

        def put_off(reading: Reading) -> Transition | None:
            return lifecycle.deferred(reading.record, reading.now, int(1000 * wait), rule, context.policy)

        context.records.change_many([(self._current(one), put_off) for one in owed])
        for one in owed:
            del self._waiting[one.record.message_id]
            self._end(one.record, f"put off: {rule}", Verdict.WAITS)

    def _give_back(self) -> None:
        """Hand what has not begun to other workers."""
        context, owed = self._context, list(self._waiting.values())

        def given_back(reading: Reading) -> Transition | None:
            return lifecycle.given_back(reading.record, reading.now, context.policy)

        changes = context.records.change_many([(self._current(one), given_back) for one in owed])
        for one in owed:
            del self._waiting[one.record.message_id]
            self._end(one.record, "given back", Verdict.WAITS)
        back = [change.record for change in changes if change and change.transition and change.transition.publish]
        for lane in Lane:
            self._publish(lane, [record.message_id for record in back if record.lane is lane])

    def _publish(self, lane: Lane, message_ids: Sequence[str]) -> None:
        if not message_ids:
            return
        try:
            self._context.enqueuer.publish(lane, message_ids)
        except BrokerUnavailable as error:  # they wait in the outbox, where the rescuer finds them
            log.warning("given back, not published", lane=lane.value, messages=len(message_ids), reason=str(error))

    def _current(self, reading: Reading) -> Reading:
        """The reading with the store's clock advanced to now: never ahead of it, at most a round trip behind."""
        return replace(reading, now=reading.now + int((self._context.monotonic() - self._read_at) * 1000))

    def _end(self, record: Record, text: str, verdict: Verdict = Verdict.DONE) -> None:
        self._outcomes[record.message_id] = TaskResult(text, record.message_id, record.lane.value, record.attempt, verdict)


def _started(change: Change | None, owner: str, span: tuple[float, float], slot: Slot, cost: int) -> Attempt | None:
    """The attempt that a begin started; None if it is not ours. ``span``: before asking the store, and after its reply."""
    if change is None:
        return None
    record = change.after
    # Even without a transition: the reply to our own begin may have been lost, and for longer than the lease.
    if record.state not in _OURS or record.owner != owner or record.begun_at is None:
        return None
    asked, told = span
    return Attempt(record, change.reading.payload, record.begun_at, asked, slot, cost, told)


def _not_begun(change: Change | None) -> str:
    if change is None:
        return "no such message"
    return change.transition.state.value if change.transition else f"nothing to start: {change.record.state.value}"

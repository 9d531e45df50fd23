"""Chunk: the messages of one wake-up in a worker's hands, from their claim until each is answered, put off or given back.

Enters: ids. Leaves: an ``Outcome`` for each. The steps, until nothing waits any more:
1. claim what waits, again every few seconds, so that nobody calls it lost;
2. take places for submits, then slots in the shared rate; without a slot the messages are put off, which is no attempt;
3. begin those with a slot, in one round trip, and hand them to the submits, which go on while the next slots are waited for;
4. what is not begun after a while, or when the process is to stop, is given back: another worker is told of it.
A store that goes away in the middle of a begin is asked again until it answers: what it began after all was surely not submitted.
Fails with ``StoreUnavailable``, after what is under way has ended: what was not begun is as it was, what was, its lease decides.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace

import structlog

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.attempts.attempt import Attempt, CompletedAttempt
from smsrelay_worker.attempts.submit import Submitter
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.outcome import Fault, Outcome
from smsrelay_worker.messages.record import Record
from smsrelay_worker.messages.transition import Transition
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.rate_limit.cost import MessageCost
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.slot import Refusal, Slot
from smsrelay_worker.reports.pending import PendingReports
from smsrelay_worker.store.records import Change, Decide, Reading, Store

_PATIENCE = 1.0  # seconds to wait for a place before the clock is looked at again
_BREATH = 1.0  # seconds before a store that did not answer is asked again
_OURS = {State.SUBMITTING, State.UNCERTAIN}  # what an attempt can have become that its owner begun and did nothing with

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Doors:
    """What every chunk of a process works with."""

    store: Store
    limiter: RateLimiter
    submitter: Submitter
    pending: PendingReports
    enqueuer: Enqueuer
    cost: MessageCost
    policy: Policy
    timeouts: Timeouts
    stopping: Callable[[], bool]
    rest: Callable[[float], bool]  # for so many seconds; True, and at once, when the process is to stop
    monotonic: Callable[[], float]


class Chunk:
    """One wake-up's messages; used by one thread, once."""

    def __init__(self, doors: Doors, message_ids: Iterable[str]) -> None:
        self._doors = doors
        self._outcomes: dict[str, Outcome | None] = dict.fromkeys(message_ids)
        self._waiting: dict[str, Reading] = {}
        self._flights: list[Future[CompletedAttempt]] = []
        self._taken_at = self._claimed_at = self._read_at = doors.monotonic()

    def attempt(self) -> list[Outcome]:
        """Attempt each message that waits to be attempted; raises ``StoreUnavailable``."""
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
        doors, now = self._doors, self._doors.monotonic()
        if len(self._outcomes) > 1 and (doors.stopping() or now - self._taken_at > doors.timeouts.chunk):
            self._give_back()
        elif now - self._claimed_at > doors.timeouts.reclaim:
            self._claim(list(self._waiting))
        else:
            self._start_some()

    def _claim(self, message_ids: Sequence[str]) -> None:
        """Claim, and keep those that wait to be begun; one that brings out a fault of ours does not stop its neighbours."""
        self._claimed_at = self._doors.monotonic()
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
            self._outcomes[message_id] = Outcome(str(Fault(type(error).__name__)), message_id)

    def _claim_together(self, message_ids: Sequence[str]) -> None:
        doors = self._doors
        readings = doors.store.claim(message_ids)
        self._read_at = doors.monotonic()  # a claim may reach the store late; nothing may expire early for it
        for message_id, reading in zip(message_ids, readings, strict=True):
            self._waiting.pop(message_id, None)
            if reading is None:
                self._outcomes[message_id] = Outcome("no such message", message_id)
                continue
            if reading.parked:
                doors.pending.apply_parked(message_id)
            if reading.reported:
                doors.pending.apply(reading.record)  # when it decides, the begin finds that the record has moved on
            if reading.record.state is State.QUEUED:
                self._waiting[message_id] = reading
            else:
                self._end(reading.record, f"nothing to start: {reading.record.state.value}")

    def _start_some(self) -> None:
        in_flight = self._doors.submitter.in_flight
        alike = self._alike()
        places = in_flight.acquire(len(alike), _PATIENCE)
        if places == 0:
            return
        begun: list[Attempt] = []
        unused: list[tuple[Slot, int]] = []
        try:
            begun, unused = self._begun(alike[:places])
        finally:
            in_flight.release(places - len(begun))
        self._submit(begun)
        # Only now: while a silent store is waited for, what is begun would pass its stall.
        self._give_back_slots(alike[0].record.template, unused)

    def _alike(self) -> list[Reading]:
        """Those that wait for slots of the same kind as the first one."""
        first = next(iter(self._waiting.values())).record
        kind = (first.lane, first.template)
        return [one for one in self._waiting.values() if (one.record.lane, one.record.template) == kind]

    def _submit(self, begun: Sequence[Attempt]) -> None:
        submitter = self._doors.submitter
        if len(self._outcomes) == 1:
            for one in begun:  # alone: no other thread has to be waited for
                self._outcomes[one.record.message_id] = submitter.submit(one)
        else:
            for one in begun:  # one by one: those that are under way are waited for, even if the next one cannot be started
                self._flights.append(submitter.start(one))

    def _begun(self, readings: Sequence[Reading]) -> tuple[list[Attempt], list[tuple[Slot, int]]]:
        """Begin the first messages, as many as there are slots: what we began, and the slots nobody uses, with their costs."""
        doors, first = self._doors, readings[0].record
        costs = [doors.cost.of(one.record.template, one.payload.params if one.payload else None) for one in readings]
        grant = doors.limiter.acquire(first.lane, first.template, costs, doors.timeouts.slot)
        if grant.refused is not None and not grant.slots:
            self._put_off(grant.refused, readings, grant.next_probe)
        asked, owner = doors.monotonic(), secrets.token_urlsafe(6)
        lease = int(doors.timeouts.lease * 1000)

        def begin(reading: Reading) -> Transition | None:
            return lifecycle.begin(reading.record, reading.now, lease, owner, doors.policy)

        granted = [self._current(one) for one in readings[: len(grant.slots)]]
        changes = self._settled([(one, begin) for one in granted])
        told = doors.monotonic()
        begun: list[Attempt] = []
        unused: list[tuple[Slot, int]] = []
        for reading, slot, price, change in zip(granted, grant.slots, costs, changes, strict=False):
            started = _started(change, owner, (asked, told), slot, price)
            del self._waiting[reading.record.message_id]
            if started is not None:
                begun.append(started)
            else:
                unused.append((slot, price))
                self._end(reading.record, _not_begun(change))
        return begun, unused

    def _give_back_slots(self, template: str, unused: Sequence[tuple[Slot, int]]) -> None:
        """Let others have slots; those that are not given back lapse."""
        try:
            self._doors.limiter.give_back(template, unused)
        except StoreUnavailable as error:
            log.warning("slots not given back", slots=len(unused), reason=str(error))
        except Exception:
            log.exception("slots not given back", slots=len(unused))

    def _settled(self, owed: Sequence[tuple[Reading, Decide]]) -> list[Change | None]:
        """What became of begins, however long the store stays away; raises ``StoreUnavailable`` when the process is to stop.

        A store that does not answer may have begun some of them, and only who holds the owner's token knows that nothing was
        submitted. Asked again, it says which are ours; the stall keeps those begun too long ago from the vendor.
        """
        while True:
            try:
                return self._doors.store.change_many(owed)
            except StoreUnavailable as error:
                log.warning("begins not answered, asked again", messages=len(owed), reason=str(error))
                if self._doors.rest(_BREATH):
                    raise

    def _put_off(self, refused: Refusal, readings: Sequence[Reading], again: float | None) -> None:
        """Put off who got no slot; all that wait, when nothing at all may be submitted, but not beyond the next test."""
        doors, rule = self._doors, refused.value
        wait = doors.timeouts.no_slot if refused is Refusal.LATE else doors.timeouts.halted
        if again is not None:
            wait = min(wait, max(again, _BREATH))
        owed = readings if refused is Refusal.LATE else list(self._waiting.values())

        def put_off(reading: Reading) -> Transition | None:
            return lifecycle.deferred(reading.record, reading.now, int(1000 * wait), rule, doors.policy)

        doors.store.change_many([(self._current(one), put_off) for one in owed])
        for one in owed:
            del self._waiting[one.record.message_id]
            self._end(one.record, f"put off: {rule}")

    def _give_back(self) -> None:
        """Have other workers told of what is not begun."""
        doors, owed = self._doors, list(self._waiting.values())

        def given_back(reading: Reading) -> Transition | None:
            return lifecycle.given_back(reading.record, reading.now, doors.policy)

        changes = doors.store.change_many([(self._current(one), given_back) for one in owed])
        for one in owed:
            del self._waiting[one.record.message_id]
            self._end(one.record, "given back")
        back = [change.record for change in changes if change and change.transition and change.transition.publish]
        for lane in Lane:
            self._publish(lane, [record.message_id for record in back if record.lane is lane])

    def _publish(self, lane: Lane, message_ids: Sequence[str]) -> None:
        if not message_ids:
            return
        try:
            self._doors.enqueuer.publish(lane, message_ids)
        except BrokerUnavailable as error:  # they wait in the outbox, where they are found
            log.warning("given back, not published", lane=lane.value, messages=len(message_ids), reason=str(error))

    def _current(self, reading: Reading) -> Reading:
        """The reading with the store's clock as it is now, or a little behind it."""
        return replace(reading, now=reading.now + int((self._doors.monotonic() - self._read_at) * 1000))

    def _end(self, record: Record, text: str) -> None:
        self._outcomes[record.message_id] = Outcome(text, record.message_id, record.lane.value, record.attempt)


def _started(change: Change | None, owner: str, span: tuple[float, float], slot: Slot, cost: int) -> Attempt | None:
    """The attempt that a begin started, None when it is not ours; ``span``: before asking the store, after its reply."""
    if change is None:
        return None
    record = change.after
    # Without a transition too: the store's answer to our own begin may have been lost on the way, for longer than the lease.
    if record.state not in _OURS or record.owner != owner or record.begun_at is None:
        return None
    asked, told = span
    return Attempt(record, change.reading.payload, record.begun_at, asked, slot, cost, told)


def _not_begun(change: Change | None) -> str:
    if change is None:
        return "no such message"
    return change.transition.state.value if change.transition else f"nothing to start: {change.record.state.value}"

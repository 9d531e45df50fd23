"""A model of one message against a real store: whatever happens to it, in whatever order, the promises hold after every step."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.record import Record
from smsrelay.messages.sinks import WEBHOOK, sink_name
from smsrelay.messages.transition import Transition, Wake
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import HOLD, Reading, Records
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.attempt_result import answered
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.messages.reports import reported
from smsrelay_worker.policy.model import Action
from smsrelay_worker.store.sinks.published_sinks import PublishedSinks
from smsrelay_worker.store.tallies import Tallies
from smsrelay_worker.vendors.base import Answer, Kind
from smsrelay_worker.vendors.yisha.documented_codes import GUIDE_CODES
from tests.support.messages import LEASE, POLICY, RETENTION, enqueuer, job
from tests.support.store_keys import KEYS

HOUR = 3_600_000
DEFERRALS = {Kind.THROTTLED, Kind.HALTED}
MESSAGES = {"i005": "业务异常:号码…发送频率超限", "x1": "余额不足"}
ANSWERS = st.one_of(
    st.sampled_from(["0000", "i005", "9999", "x1"]).map(lambda code: Answer(Kind.ANSWERED, code, external_id=f"e{code}")),
    st.sampled_from(["i005", "x1"]).map(lambda code: Answer(Kind.ANSWERED, code, message=MESSAGES[code])),
    st.sampled_from([kind for kind in Kind if kind is not Kind.ANSWERED]).map(lambda kind: Answer(kind, "some_code")),
)


TOLD = {State.DELIVERED, State.FAILED, State.EXPIRED, State.UNKNOWN, State.CANCELLED, State.SUBMITTED, State.RETRYING}


class OneSink:
    """Tells one sink of everything."""

    def outbox(self, app: str, state: State) -> str | None:
        return sink_name(app, WEBHOOK) if state in TOLD else None


class OneMessage(RuleBasedStateMachine):
    """One message, a clock that only we move, and what an outside judge would write down."""

    redis: StoreRedis
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushdb()
        self.told: list[str] = []
        self.passed = 0  # ms
        self.begun: Counter[int] = Counter()
        self.in_flight: list[Record] = []
        self.given: list[tuple[Record, Answer]] = []
        self.owners = 0
        self.delivered = False
        self.ended: Counter[str] = Counter()  # by final state: how often it was reached
        self.old: Record | None = None

    @initialize(lane=st.sampled_from(Lane), lifetime=st.sampled_from([60, 3600, 86400]), asks=st.booleans())
    def accept(self, lane: Lane, lifetime: int, asks: bool) -> None:
        """The store is asked for the sink (``asks``), or the process knows it."""
        PublishedSinks(self.redis).publish({"default": dict.fromkeys(TOLD, sink_name("default", WEBHOOK))} if asks else {})
        self.store = Records(self.redis, RETENTION, None if asks else OneSink())
        self.message_id = enqueuer(self.redis, self.url).enqueue(job(lane, expires_in=lifetime)).message_id
        self.lane = lane

    @rule(seconds=st.sampled_from([0, 1, 20, 70, 3600, 90_000, 300_000]))
    def time_passes(self, seconds: int) -> None:
        self.passed += seconds * 1000

    @rule()
    def a_worker_is_woken(self) -> None:
        self.store.claim([self.message_id])
        self.owners += 1
        begun = self.change(lambda record, now: lifecycle.begin(record, now, LEASE, f"worker {self.owners}", POLICY))
        if begun is not None and begun.state is State.SUBMITTING:
            self.begun[begun.attempt] += 1
            self.in_flight.append(self.record())

    @rule(delay=st.sampled_from([1000, 5000, HOUR]))
    def a_worker_finds_no_slot(self, delay: int) -> None:
        self.store.claim([self.message_id])
        self.change(lambda record, now: lifecycle.deferred(record, now, delay, "rate", POLICY))

    @rule()
    def a_worker_gives_it_back(self) -> None:
        self.store.claim([self.message_id])
        self.change(lambda record, now: lifecycle.given_back(record, now, POLICY))

    @rule()
    def somebody_reads_it(self) -> None:
        self.old = self.record()

    @precondition(lambda self: self.old is not None and self.old.revision != self.record().revision)
    @rule()
    def a_begin_that_was_decided_on_an_old_record_changes_nothing(self) -> None:
        assert self.old is not None
        before = self.record()
        begun = lifecycle.begin(replace(self.old, state=State.QUEUED, due=None), self.old.created_at, LEASE, "late", POLICY)
        assert begun is not None
        assert self.store.apply(self.old, begun) is None
        assert self.record() == before

    @precondition(lambda self: self.in_flight)
    @rule(answer=ANSWERS, data=st.data())
    def the_vendor_answers(self, answer: Answer, data: st.DataObject) -> None:
        begun = data.draw(st.sampled_from(self.in_flight))
        self.in_flight.remove(begun)
        self.given.append((begun, answer))
        self.change(lambda record, now: answered(record, begun, answer, POLICY, now, 0.5))
        if answer.kind in DEFERRALS and self.record().attempt == begun.attempt - 1:
            self.begun[begun.attempt] -= 1  # not executed, so not an attempt

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def an_answer_is_given_again(self, data: st.DataObject) -> None:
        """The store's word of it was lost; whoever began the attempt since, or whatever became of it, is left alone."""
        begun, answer = data.draw(st.sampled_from(self.given))
        before, held = self.record(), self.held()
        self.change(lambda record, now: answered(record, begun, answer, POLICY, now, 0.5))
        assert replace(self.record(), timeline=(), revision=0) == replace(before, timeline=(), revision=0)
        assert self.held() == held

    @precondition(lambda self: self.in_flight)
    @rule()
    def the_worker_is_killed(self) -> None:
        self.in_flight.clear()

    @precondition(lambda self: self.begun)
    @rule(code=st.sampled_from([*GUIDE_CODES, "999"]), when=st.one_of(st.none(), st.integers(1, 5)), data=st.data())
    def the_vendor_reports(self, code: str, when: int | None, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.begun)))
        event = StatusEvent(message_id=self.message_id, attempt=attempt, code=code, updated_on=when, received_at=1)
        self.change(lambda record, now: reported(record, attempt, event, POLICY, now, 0.5))
        self.delivered |= code == "200"

    @rule()
    def the_agenda_looks(self) -> None:
        due = self.redis.zscore(KEYS.agenda, self.message_id)
        if due is not None and due <= self.now():
            self.change(lambda record, now: lifecycle.woken(record, POLICY, now))

    @rule()
    def the_app_cancels(self) -> None:
        self.change(lambda record, _: cancelled(record))

    @rule()
    def a_person_replays(self) -> None:
        self.change(lifecycle.replayed)

    @invariant()
    def what_is_not_final_has_a_time_and_what_is_final_has_none(self) -> None:
        listed = self.redis.zscore(KEYS.agenda, self.message_id) is not None
        assert listed is not self.record().state.final

    @invariant()
    def only_a_final_message_may_be_forgotten(self) -> None:
        lives_for_ever = self.redis.ttl(KEYS.message(self.message_id)) == -1
        assert lives_for_ever is not self.record().state.final

    @invariant()
    def only_a_queued_message_waits_in_the_outbox(self) -> None:
        if self.redis.zscore(KEYS.outbox(self.lane), self.message_id) is not None:
            assert self.record().state is State.QUEUED

    @invariant()
    def a_queued_message_is_published_held_or_has_its_time(self) -> None:
        """Nobody would look for any other before it expires."""
        record, wakes = self.record(), self.redis.zscore(KEYS.agenda, self.message_id)
        if record.state is State.QUEUED and self.redis.zscore(KEYS.outbox(self.lane), self.message_id) is None:
            assert wakes is not None
            assert wakes <= max(record.due or 0, self.now() - self.passed + HOLD * 1000)

    @invariant()
    def the_dead_are_those_who_failed_or_ended_unknown(self) -> None:
        dead = self.redis.zscore(KEYS.dead, self.message_id) is not None
        assert dead is (self.record().state in {State.FAILED, State.UNKNOWN})

    @invariant()
    def no_attempt_is_begun_twice(self) -> None:
        assert all(times <= 1 for times in self.begun.values())

    @invariant()
    def a_further_attempt_has_a_reason_that_the_policy_allows(self) -> None:
        if max((attempt for attempt, times in self.begun.items() if times), default=0) > 1:
            assert self.record().why in {lifecycle.REPLAY, POLICY.uncertain[self.lane].name} | {
                row.name
                for row in [*POLICY.status.values(), *POLICY.submit.values(), *POLICY.classes.values()]
                if row.action is Action.RETRY
            }

    @invariant()
    def a_delivery_is_never_taken_back(self) -> None:
        assert not self.delivered or self.record().state is State.DELIVERED

    @invariant()
    def a_message_that_may_still_be_submitted_keeps_its_payload(self) -> None:
        record = self.record()
        if record.state in {State.QUEUED, State.RETRYING, State.SUBMITTING, State.UNCERTAIN}:
            assert self.redis.exists(KEYS.payload(self.message_id))

    @invariant()
    def the_outbox_holds_what_was_told_and_nothing_that_did_not_happen(self) -> None:
        assert self.outbox() == sorted(self.told)

    @invariant()
    def the_last_outcome_can_be_told_again_as_it_was(self) -> None:
        last = Outcome.last_of(self.record())
        assert (last.encode() if last else None) == (self.told[-1] if self.told else None)

    @invariant()
    def a_message_that_is_final_has_told_it_last(self) -> None:
        record, last = self.record(), Outcome.last_of(self.record())
        if record.state.final:
            assert last is not None
            assert last.state is record.state

    @invariant()
    def each_final_state_is_counted_as_often_as_it_was_reached(self) -> None:
        counted = Counter[str]()
        for (_, state, _), count in Tallies(self.redis).read().family("final").items():
            counted[state] += count
        assert counted == self.ended

    @invariant()
    def an_attempt_counts_as_in_flight_until_something_is_known_of_it(self) -> None:
        in_flight = Tallies(self.redis).read().in_flight()
        assert in_flight == {lane: int(lane is self.lane and self.record().state is State.SUBMITTING) for lane in Lane}

    def outbox(self) -> list[str]:
        return sorted(self.redis.zrange(KEYS.outcomes(sink_name("default", WEBHOOK)), 0, -1))

    def held(self) -> list[object]:
        """What the store keeps of the message beside its record."""
        sets = [KEYS.agenda, KEYS.outbox(self.lane), KEYS.dead, KEYS.expired]
        return [*(self.redis.zscore(one, self.message_id) for one in sets), self.redis.smembers(KEYS.put_off)]

    def record(self) -> Record:
        reading = self.store.read(self.message_id)
        assert reading is not None
        return reading.record

    def now(self) -> int:
        reading = self.store.read(self.message_id)
        assert reading is not None
        return reading.now + self.passed

    def change(self, decide: Callable[[Record, int], Transition | None]) -> Transition | None:
        def on(reading: Reading) -> Transition | None:
            return decide(reading.record, reading.now + self.passed)

        change = self.store.change(self.message_id, on)
        assert change is not None
        assert change.after == self.record(), "what a transition makes of a record is known without reading it"
        if change.after.state.final and change.after.state is not change.record.state:
            self.ended[change.after.state.value] += 1
        if change.transition is not None and change.transition.is_outcome:
            moved, line = change.transition, change.after.timeline[-1]
            assert (moved.state, moved.wake is Wake.KEEP, moved.silent) == (line.state, False, False)
            revision = change.after.revision
            outcome = Outcome(self.message_id, revision, line.state, line.attempt, line.code, line.rule, line.at)
            self.told.append(outcome.encode())
        return change.transition


@pytest.fixture
def model(redis: StoreRedis, valkey_url: str) -> type[OneMessage]:
    return type("OneMessageHere", (OneMessage,), {"redis": redis, "url": valkey_url})


def test_the_promises_hold_whatever_happens_to_a_message(model: type[OneMessage]) -> None:
    run_state_machine_as_test(model, settings=settings(max_examples=60, stateful_step_count=25))

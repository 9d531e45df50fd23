from concurrent.futures import ThreadPoolExecutor

import pytest

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.transition import Transition
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import HOLD, Reading, Records
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.reports import reported
from smsrelay_worker.store.counts import Counts
from smsrelay_worker.store.parked_reports import ParkedReports
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.commands import reads
from tests.support.messages import ACCEPTED, LEASE, POLICY, RETENTION, answer, applying, begin, changed, job, store_clock
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually


def state(store: Records, message_id: str) -> State:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record.state


def report(store: Records, message_id: str, code: int, attempt: int = 1) -> None:
    event = StatusEvent(message_id=message_id, attempt=attempt, code=str(code), updated_on=code, received_at=1)

    def decide(reading: Reading) -> Transition | None:
        return reported(reading.record, attempt, event, POLICY, reading.now, 0.5)

    changed(store, message_id, decide)


def test_of_many_wake_ups_exactly_one_begins_the_attempt(store: Records, door: Enqueuer) -> None:
    message_id = door.enqueue(job()).message_id
    with ThreadPoolExecutor(16) as pool:
        changes = list(pool.map(lambda number: begin(store, message_id, f"worker {number}"), range(32)))
    assert sum(change is not None and change.transition is not None for change in changes) == 1


def test_a_transition_decided_on_an_old_reading_is_not_applied(store: Records, door: Enqueuer) -> None:
    message_id = door.enqueue(job()).message_id
    old = store.read(message_id)
    assert old is not None
    begin(store, message_id)
    withdrawn = cancelled(old.record)
    assert withdrawn is not None
    assert not store.apply(old.record, withdrawn)
    assert state(store, message_id) is State.SUBMITTING


def test_what_was_decided_on_a_write_that_a_failover_lost_is_decided_again(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    """The new primary gives the revision of the lost write to another one."""
    message_id = door.enqueue(job()).message_id
    known = redis.dump(KEYS.message(message_id))
    assert known is not None
    changed(store, message_id, lambda reading: lifecycle.put_off(reading.record, reading.now + LEASE, 0, "rate"))
    lost = store.read(message_id)
    assert lost is not None
    redis.restore(KEYS.message(message_id), 0, known, replace=True)
    eventually(lambda: store_clock(redis) > lost.record.timeline[-1].at, "the clock has moved on")
    changed(store, message_id, lambda reading: lifecycle.put_off(reading.record, reading.now + LEASE, 0, "rate"))
    again = store.read(message_id)
    assert again is not None
    assert (again.record.revision, again.record.owner) == (lost.record.revision, lost.record.owner)
    withdrawn = cancelled(lost.record)
    assert withdrawn is not None
    assert not store.apply(lost.record, withdrawn)
    assert state(store, message_id) is State.QUEUED


def test_what_was_decided_on_an_acceptance_that_a_failover_lost_is_decided_again(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    """The app was told nothing, and has the same job accepted once more: it has the same id."""
    wanted = job(reference="r-1")
    message_id = door.enqueue(wanted).message_id
    lost = store.read(message_id)
    assert lost is not None
    redis.flushdb()
    eventually(lambda: store_clock(redis) > lost.record.created_at, "the clock has moved on")
    assert door.enqueue(wanted).message_id == message_id
    withdrawn = cancelled(lost.record)
    assert withdrawn is not None
    assert not store.apply(lost.record, withdrawn)
    assert state(store, message_id) is State.QUEUED


def test_many_that_somebody_was_faster_with_are_decided_again_together(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    """One by one they take so long, where each waits for replicas, that a report is faster with the next ones as well."""
    ids = [door.enqueue(job()).message_id for _ in range(40)]
    old = [reading for reading in map(store.read, ids) if reading is not None]
    for message_id in ids[:-1]:
        begin(store, message_id)

    def withdraw(reading: Reading) -> Transition | None:
        return cancelled(reading.record) or lifecycle.noted(reading.record, 1, "seen", "")

    cost = reads(redis, lambda: store.change_many([(reading, withdraw) for reading in old]))
    assert [state(store, message_id) for message_id in ids] == [State.SUBMITTING] * 39 + [State.CANCELLED]
    assert cost < len(ids)


def test_a_change_is_decided_again_when_somebody_was_faster(store: Records, door: Enqueuer) -> None:
    message_id = door.enqueue(job()).message_id
    old = store.read(message_id)
    begin(store, message_id)
    seen: list[State] = []

    def decide(reading: Reading) -> Transition | None:
        seen.append(reading.record.state)
        return cancelled(reading.record)

    change = store.change(message_id, decide, old)
    assert seen == [State.QUEUED, State.SUBMITTING]
    assert change is not None
    assert change.transition is None


def test_the_payload_goes_with_the_delivery_and_stays_with_a_failure_until_expiry(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    delivered, failed = (door.enqueue(job()).message_id for _ in range(2))
    for message_id, code in ((delivered, 200), (failed, 504)):
        begin(store, message_id)
        answer(store, message_id, 1, ACCEPTED)
        report(store, message_id, code)
    assert not redis.exists(KEYS.payload(delivered))
    assert redis.pttl(KEYS.payload(failed)) > 0


def test_only_a_final_message_has_a_lifetime(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    assert redis.ttl(KEYS.message(message_id)) == -1
    begin(store, message_id)
    answer(store, message_id, 1, ACCEPTED)
    report(store, message_id, 504)
    assert 0 < redis.ttl(KEYS.message(message_id)) <= RETENTION
    assert redis.zscore(KEYS.agenda, message_id) is None


def test_a_newer_report_takes_the_lifetime_of_a_failed_message_back(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    report(store, message_id, 500)
    report(store, message_id, 503)
    assert state(store, message_id) is State.RETRYING
    assert redis.ttl(KEYS.message(message_id)) == -1
    assert redis.zscore(KEYS.agenda, message_id) is not None


@pytest.mark.parametrize("outcome", list(Kind))
def test_every_message_that_is_not_final_is_in_the_agenda(
    store: Records, door: Enqueuer, redis: StoreRedis, outcome: Kind
) -> None:
    message_id = door.enqueue(job()).message_id
    assert redis.zscore(KEYS.agenda, message_id) is not None
    begin(store, message_id)
    assert redis.zscore(KEYS.agenda, message_id) is not None
    answer(store, message_id, 1, Answer(outcome, "0000"))
    listed = redis.zscore(KEYS.agenda, message_id) is not None
    assert listed is not state(store, message_id).final


def test_a_claimed_message_leaves_the_outbox_and_marks_how_far_its_lane_is(
    store: Records, counts: Counts, door: Enqueuer, redis: StoreRedis
) -> None:
    message_id = door.enqueue(job(Lane.OTP)).message_id
    place = redis.zscore(KEYS.outbox(Lane.OTP), message_id)
    assert counts.waiting(Lane.OTP) == 1
    [reading] = store.claim([message_id])
    assert reading is not None
    assert reading.payload is not None
    assert counts.waiting(Lane.OTP) == 0
    assert place is not None
    assert float(redis.get(KEYS.taken(Lane.OTP)) or 0) == place


def test_a_claim_that_nobody_prolongs_runs_out_into_the_agenda(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    [reading] = store.claim([message_id])
    assert reading is not None
    assert redis.zscore(KEYS.agenda, message_id) == reading.now + HOLD * 1000


def test_a_claim_of_nobody_or_of_a_final_message_takes_nothing(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    changed(store, message_id, lambda reading: cancelled(reading.record))
    [gone, final] = store.claim(["nobody", message_id])
    assert gone is None
    assert final is not None
    assert redis.zcard(KEYS.agenda) == 0


def test_a_report_by_external_id_finds_its_attempt(store: Records, parked: ParkedReports, door: Enqueuer) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, ACCEPTED)
    event = StatusEvent(external_id="e1", code="200", received_at=1)
    assert not parked.park(event)
    assert store.submits_of(["e1"]) == [(message_id, 1)]


def test_a_report_by_an_unknown_external_id_is_parked_and_not_lost(store: Records, parked: ParkedReports) -> None:
    event = StatusEvent(external_id="e7", code="200", received_at=1)
    assert store.submits_of(["e7"]) == [None]
    assert parked.park(event)
    assert parked.of("e7") == [event]
    parked.drop("e7")
    assert parked.of("e7") == []


def test_the_timeline_is_also_a_stream_of_events(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, ACCEPTED)
    seen = [fields["state"] for _, fields in redis.xrange(KEYS.events) if fields["id"] == message_id]
    assert seen == ["queued", "submitting", "submitted"]


def test_a_record_stays_small_enough_for_the_compact_encoding(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, ACCEPTED)
    report(store, message_id, 203)
    report(store, message_id, 200)
    assert redis.object("encoding", KEYS.message(message_id)) == "listpack"


def test_unlisted_codes_are_counted(store: Records, counts: Counts, door: Enqueuer) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, ACCEPTED)
    report(store, message_id, 999)
    assert counts.unlisted() == {"999": 1}
    assert state(store, message_id) is State.SUBMITTED


def test_a_store_that_forgot_its_scripts_is_given_them_again(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    first = door.enqueue(job()).message_id
    redis.script_flush()
    assert begin(store, first) is not None
    redis.script_flush()
    assert [accepted.new for accepted in door.enqueue_all([job(), job()])] == [True, True]


def test_there_is_nothing_to_change_on_a_message_that_is_not_there(store: Records) -> None:
    assert store.read("nobody") is None
    assert begin(store, "nobody") is None


def test_the_vendors_id_of_an_earlier_attempt_is_not_that_of_the_next(store: Records, door: Enqueuer) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, ACCEPTED)
    report(store, message_id, 503)
    changed(store, message_id, lambda reading: lifecycle.woken(reading.record, POLICY, reading.now + 10_000))
    begin(store, message_id)
    reading = store.read(message_id)
    assert reading is not None
    assert (reading.record.attempt, reading.record.external_id) == (2, None)
    assert store.submits_of(["e1"]) == [(message_id, 1)]


def test_a_report_by_the_id_of_a_message_that_is_gone_is_told_so(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, ACCEPTED)
    redis.delete(KEYS.message(message_id))
    event = StatusEvent(external_id="e1", code="200", received_at=1)
    assert applying(store, redis).apply(event).text == "its message is gone"


def test_a_worker_that_stood_still_begins_nothing_past_the_deadline(store: Records, door: Enqueuer) -> None:
    message_id = door.enqueue(job(expires_in=1)).message_id
    stale = store.read(message_id)
    assert stale is not None
    while (reading := store.read(message_id)) is not None and reading.now < stale.record.expires_at:
        continue
    change = store.change(message_id, lambda seen: lifecycle.begin(seen.record, seen.now, 60_000, "me", POLICY), stale)
    assert change is not None
    assert change.transition is not None
    assert change.transition.state is State.EXPIRED

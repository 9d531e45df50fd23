"""A sender over a real store and a vendor at a real socket: what becomes of a wake-up's messages, and what it costs."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.record import Record, VendorMessage
from smsrelay.store.connection import StoreRedis
from smsrelay.store.inbox import Inbox
from smsrelay.store.records import Reading, Records
from smsrelay_worker.attempts.sender import Sender
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.store.counts import Counts
from smsrelay_worker.vendors.base import Answer, Kind, Submission, Vendor
from tests.support.messages import RETENTION, TIMEOUTS, applying, job, sending
from tests.support.queues import published_ids
from tests.support.scripted_vendor import ACCEPTED, Script, answer, scripted_vendor, yisha
from tests.support.store_keys import KEYS

FORGETFUL = replace(TIMEOUTS, chunk=-1.0)  # every chunk has been in hand for too long at once


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_vendor() as running:
        yield running


@contextmanager
def sender(
    store: Records, redis: StoreRedis, script: Script, monotonic: Callable[[], float] = time.monotonic, **settings: object
) -> Iterator[Sender]:
    with yisha(script.url, measure=monotonic) as vendor:
        yield sending(store, redis, vendor, monotonic, **settings)  # type: ignore[arg-type]


class Clumsy:
    """A vendor adapter that raises an unexpected exception for one message and accepts all others."""

    def __init__(self, breaks_on: str) -> None:
        self.breaks_on = breaks_on
        self.taken: list[str] = []

    def submit(self, submission: Submission) -> Answer:
        if submission.message_id == self.breaks_on:
            raise ZeroDivisionError("unexpected")
        self.taken.append(submission.message_id)
        return Answer(Kind.ANSWERED, "0000")

    def pull(self, external_id: str) -> bytes | None:
        return None


def record_of(store: Records, message_id: str) -> Record:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record


def states(store: Records, ids: list[str]) -> Counter[str]:
    return Counter(record_of(store, one).state.value for one in ids)


def enqueued(door: Enqueuer, number: int, lane: Lane = Lane.NOTICE) -> list[str]:
    return [one.message_id for one in door.enqueue_many([job(lane) for _ in range(number)])]


def test_a_chunk_of_any_templates_lanes_and_states_ends_well(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    jobs = [
        SendJob(to="13800138000", template=template, params=("1234",), lane=lane)
        for template in ("0000000", "JM0000001")
        for lane in Lane
    ]
    ids = [one.message_id for one in door.enqueue_many(jobs)]
    withdrawn = door.enqueue(job()).message_id
    store.change(withdrawn, lambda reading: cancelled(reading.record))
    with sender(store, redis, script) as sending_out:
        outcomes = sending_out.attempt([*ids, withdrawn, "nobody", ids[0]])
    assert states(store, ids) == {"submitted": len(ids)}
    assert len(script.received) == len(ids)
    assert [outcome.message_id for outcome in outcomes] == [*ids, withdrawn, "nobody"]
    assert Counter(outcome.text for outcome in outcomes) == {
        "submitted (0000)": len(ids),
        "nothing to start: cancelled": 1,
        "no such message": 1,
    }


def test_a_claim_that_reaches_the_store_late_makes_nothing_expire_early(
    door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    late = [0.0]

    class LateStore(Records):
        """The claim is three seconds on its way, and its message has no more time than that."""

        def claim(self, message_ids: Sequence[str]) -> list[Reading | None]:
            late[0] += 3.0
            return super().claim(message_ids)

    store = LateStore(redis, RETENTION)
    message_id = door.enqueue(job(expires_in=3)).message_id
    with sender(store, redis, script, monotonic=lambda: time.monotonic() + late[0]) as sending_out:
        sending_out.attempt([message_id])
    assert states(store, [message_id]) == {"submitted": 1}
    assert len(script.received) == 1


def test_two_wake_ups_for_the_same_messages_submit_each_once(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    ids = enqueued(door, 20)
    with sender(store, redis, script) as sending_out:
        sending_out.attempt(ids)
        again = sending_out.attempt(ids)
    assert {outcome.text for outcome in again} == {"nothing to start: submitted"}
    assert len(script.received) == len(ids)


def test_a_report_that_overtakes_the_answer_wins(store: Records, door: Enqueuer, redis: StoreRedis, script: Script) -> None:
    ids = enqueued(door, 3)
    reports = applying(store, redis)
    early = StatusEvent(message_id=ids[1], attempt=1, code="200", updated_on=1, received_at=1)

    def reported_first(connection: object) -> bool:
        reports.apply(early)
        return answer(ACCEPTED)(connection)  # type: ignore[arg-type]

    script.reaction = reported_first
    with sender(store, redis, script, concurrency=1) as sending_out:
        sending_out.attempt([ids[1]])
        script.reaction = answer(ACCEPTED)
        sending_out.attempt(ids)
    record = record_of(store, ids[1])
    assert (record.state, record.external_id) == (State.DELIVERED, "ext-1")
    assert [line.rule for line in record.timeline][-1] == "answer after report"
    assert states(store, ids) == {"delivered": 1, "submitted": 2}


def test_a_report_by_the_vendors_id_that_came_first_is_applied_with_the_answer(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    [message_id] = enqueued(door, 1)
    applying(store, redis).apply(StatusEvent(external_id="ext-1", code="200", updated_on=1, received_at=1))
    with sender(store, redis, script) as sending_out:
        sending_out.attempt([message_id])
    assert record_of(store, message_id).state is State.DELIVERED


@pytest.mark.parametrize("waited_for", ["the message", "the vendor's id"])
def test_a_parked_report_that_brings_out_a_fault_holds_up_neither_its_message_nor_the_other_reports(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script, waited_for: str
) -> None:
    [message_id, broken] = enqueued(door, 2)
    redis.hset(KEYS.message(broken), "len", "many")
    fault = StatusEvent(message_id=broken, attempt=1, code="200", updated_on=1, received_at=1)
    good = StatusEvent(message_id=message_id, attempt=1, code="200", updated_on=1, received_at=1)
    parked = KEYS.parked(message_id if waited_for == "the message" else "ext-1")
    redis.rpush(parked, *(event.encode_text() for event in (fault, good)))
    with sender(store, redis, script) as sending_out:
        sending_out.attempt([message_id])
    assert record_of(store, message_id).state is State.DELIVERED
    assert not redis.exists(parked)
    assert Inbox(redis).waiting(broken, None) == [fault], "it is owed, and its tries are counted"


def test_a_fault_of_ours_in_one_message_neither_loses_nor_blocks_its_neighbours(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    ids = enqueued(door, 10)
    vendor: Vendor = Clumsy(ids[4])
    with pytest.raises(ZeroDivisionError):
        sending(store, redis, vendor).attempt(ids)
    assert states(store, ids) == {"submitted": 9, "submitting": 1}
    begun_at = record_of(store, ids[4]).begun_at
    assert begun_at is not None
    assert (redis.zscore(KEYS.agenda, ids[4]) or 0) > begun_at + 0.9 * TIMEOUTS.lease * 1000, "its lease decides"


def test_a_void_slot_is_replaced_and_the_message_submitted_once(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    [message_id] = enqueued(door, 1)

    def stands_still_a_second() -> float:  # and at no other time, whatever this machine does
        return 0.0 if record_of(store, message_id).state is State.QUEUED else 1.0

    with sender(store, redis, script, monotonic=stands_still_a_second, rate=1000.0) as sending_out:
        before = _scripts(redis)
        [outcome] = sending_out.attempt([message_id])
        ran = _scripts(redis) - before
    assert outcome.text == "submitted (0000)"
    assert len(script.received) == 1
    assert ran == 5, "claim, slot, begin, another slot, record"


def _scripts(redis: StoreRedis) -> int:
    """How often a script ran; a server that does not know it yet refuses it first, which is no run."""
    asked = redis.info("commandstats").get("cmdstat_evalsha", {"calls": 0, "failed_calls": 0})
    return int(asked["calls"]) - int(asked["failed_calls"])


@pytest.mark.parametrize("stopped", [True, False])
def test_a_chunk_too_long_in_hand_or_in_a_process_that_stops_is_given_back(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script, valkey_url: str, stopped: bool
) -> None:
    ids = enqueued(door, 20)
    redis.delete(Lane.NOTICE.queue)
    with sender(store, redis, script, url=valkey_url, timeouts=TIMEOUTS if stopped else FORGETFUL) as sending_out:
        if stopped:
            sending_out.stop()
        outcomes = sending_out.attempt(ids)
    assert {outcome.text for outcome in outcomes} == {"given back"}
    assert script.received == []
    assert published_ids(redis, Lane.NOTICE) == ids
    places = redis.zrange(KEYS.outbox(Lane.NOTICE), 0, -1, withscores=True)
    assert [message_id for message_id, _ in places] == ids
    assert {place % 1 for _, place in places} == {0.5}
    assert {redis.zscore(KEYS.agenda, one) for one in ids} == {record_of(store, one).expires_at for one in ids}


def test_given_back_without_a_broker_the_messages_wait_in_the_outbox(
    store: Records, counts: Counts, door: Enqueuer, redis: StoreRedis, script: Script, closed_port: int
) -> None:
    ids = enqueued(door, 2)
    with sender(store, redis, script, url=f"redis://127.0.0.1:{closed_port}", timeouts=FORGETFUL) as sending_out:
        sending_out.attempt(ids)
    assert counts.waiting(Lane.NOTICE) == 2


def test_a_halt_puts_off_all_that_waits_and_none_is_an_attempt(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    ids = enqueued(door, 20)
    RateLimiter(redis, 100.0).halt("A403")
    with sender(store, redis, script) as sending_out:
        outcomes = sending_out.attempt(ids)
    assert {outcome.text for outcome in outcomes} == {"put off: halted"}
    assert {(record_of(store, one).state, record_of(store, one).attempt) for one in ids} == {(State.QUEUED, 0)}
    assert script.received == []


def test_what_a_single_costs_from_wake_up_to_submitted(store: Records, door: Enqueuer, redis: StoreRedis, script: Script) -> None:
    first, second = enqueued(door, 2)
    with sender(store, redis, script) as sending_out:
        sending_out.attempt([first])
        before = _reads(redis)
        sending_out.attempt([second])
        trips = _reads(redis) - before - 1  # the question itself
    assert record_of(store, second).state is State.SUBMITTED
    assert trips <= 6


def test_a_chunk_shares_its_round_trips(store: Records, door: Enqueuer, redis: StoreRedis, script: Script) -> None:
    ids = enqueued(door, 100)
    with sender(store, redis, script, concurrency=50) as sending_out:
        sending_out.attempt(ids[:50])
        before = _reads(redis)
        sending_out.attempt(ids[50:])
        trips = _reads(redis) - before
    print(f"{trips} round trips for a chunk of 50")
    assert trips <= 50


def _reads(redis: StoreRedis) -> int:
    """How often the server has read something a client sent."""
    return int(redis.info("stats")["total_reads_processed"])


def test_a_gateway_that_says_ok_beside_the_vendors_answer_opens_no_circuit(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    ids = enqueued(door, 30, Lane.OTP)
    numbers = iter(range(30))

    def accepted(connection: object) -> bool:
        body = json.dumps({"code": "0000", "externalId": f"e{next(numbers)}"}).encode()
        return answer(body, "X-Ca-Error-Message: OK")(connection)  # type: ignore[arg-type]

    script.reaction = accepted
    with sender(store, redis, script) as sending_out:
        sending_out.attempt(ids)
    assert states(store, ids) == {"submitted": 30}
    assert not redis.exists(KEYS.circuit)


def test_an_answer_that_nobody_knows_but_for_its_id_is_waited_for(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    script.reaction = answer(json.dumps({"code": "x777", "msg": "排队中", "externalId": "e777"}).encode())
    [message_id] = enqueued(door, 1)
    with sender(store, redis, script) as sending_out:
        sending_out.attempt([message_id])
    record = record_of(store, message_id)
    assert (record.state, record.external_id) == (State.UNCERTAIN, "e777")
    assert record.timeline[-1].rule == "submit.default_with_id"
    assert record.vendor_message == VendorMessage(1, "排队中")
    assert store.submits_of(["e777"]) == [(message_id, 1)]


def test_bytes_of_a_waiting_and_of_a_delivered_message(store: Records, door: Enqueuer, redis: StoreRedis, script: Script) -> None:
    number = 2000
    empty = _used(redis)
    ids = [one for _ in range(number // 500) for one in enqueued(door, 500)]
    redis.delete(KEYS.events)
    waiting = (_used(redis) - empty) / number
    numbers = iter(range(number))

    def accepted(connection: object) -> bool:
        body = json.dumps({"code": "0000", "externalId": f"1800000000000{next(numbers):04}"})
        return answer(body.encode())(connection)  # type: ignore[arg-type]

    script.reaction = accepted
    reports = applying(store, redis)
    with sender(store, redis, script, concurrency=16) as sending_out:
        for start in range(0, number, 50):
            sending_out.attempt(ids[start : start + 50])
    for one in ids:
        reports.apply(StatusEvent(message_id=one, attempt=1, code="200", updated_on=1800000000000, received_at=1))
    assert states(store, ids[:50]) == {"delivered": 50}
    redis.delete(KEYS.events, *(lane.queue for lane in Lane))
    delivered = (_used(redis) - empty) / number
    print(f"bytes: {waiting:.0f} waiting, {delivered:.0f} delivered")
    assert waiting <= 1024
    assert delivered <= 400


def test_bytes_of_a_message_that_was_refused_with_a_reason(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    number = 500
    empty = _used(redis)
    ids = enqueued(door, number)
    script.reaction = answer(
        json.dumps(
            {"code": "i005", "msg": "模板参数与模板不匹配，请检查参数个数与模板中的占位符是否一致，或联系客服处理"}
        ).encode()
    )
    with sender(store, redis, script, concurrency=16) as sending_out:
        for start in range(0, number, 50):
            sending_out.attempt(ids[start : start + 50])
    assert states(store, ids) == {"failed": number}
    said = record_of(store, ids[0]).vendor_message
    assert said is not None
    assert len(said.text.encode()) > 54  # as long as one can be, but for a character
    assert {redis.object("encoding", KEYS.message(one)) for one in ids} == {"listpack"}
    held = redis.memory_usage(KEYS.message(ids[0]), samples=0)
    # Its payload lives until its deadline, and it stands in a list of the dead.
    redis.delete(KEYS.events, *(KEYS.payload(one) for one in ids), *(lane.queue for lane in Lane))
    print(f"bytes: {(_used(redis) - empty) / number:.0f} refused, {held} of its record")
    assert (_used(redis) - empty) / number <= 560


def _used(redis: StoreRedis) -> int:
    """Bytes of the keys, all that they hold and their table; what a server keeps for clients and scripts depends on its past.

    Without the index of numbers, which is measured at a size at which it is used (``test_number_index``).
    """
    index = KEYS.numbers("")[0]
    named = [key for key in redis.scan_iter(count=1000) if key != KEYS.events and not key.startswith(index)]
    with redis.pipeline(transaction=False) as pipeline:
        for key in named:
            pipeline.memory_usage(key, samples=0)
        held = sum(pipeline.execute())
    tables = redis.memory_stats().get("db.0", {})  # absent while it is empty
    return int(held) + sum(int(part) for part in tables.values())


def test_a_message_that_cannot_be_read_does_not_stop_its_neighbours(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    ids = enqueued(door, 10)
    redis.hset(KEYS.message(ids[4]), "len", "many")
    with sender(store, redis, script) as sending_out:
        outcomes = sending_out.attempt(ids)
    others = [one for one in ids if one != ids[4]]
    assert states(store, others) == {"submitted": 9}
    assert [outcome.text for outcome in outcomes if outcome.message_id == ids[4]] == ["unexpected exception (ValueError)"]

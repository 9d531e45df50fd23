"""Reports in batches, from the task to the record: order, neighbours, cost."""

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.record import Record
from smsrelay.store.connection import StoreRedis
from smsrelay.store.inbox import BATCH
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.operations.unreadable_replay import UnreadableReplay
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.store.failed_reports import REPORT_TRIES
from smsrelay_worker.store.parked_reports import ParkedReports
from smsrelay_worker.tasks import ReportsNotApplied, TaskCall, Tasks
from smsrelay_worker.wiring import Relay
from tests.support.commands import reads, spent
from tests.support.messages import ACCEPTED, LEASE, answer, begin, job
from tests.support.store_keys import KEYS

UPDATED = 1591590009873
WINDOW = 20_000  # ms, of an otp in the packaged policy


@pytest.fixture
def relay(valkey_url: str) -> Relay:
    return Relay.wire(
        WorkerSettings(
            _env_file=None,
            broker_url=valkey_url,
            store_url=valkey_url,
            number_keys="n" * 16,
            callback_keys="c" * 16,
            appcode="a",
            callback_url=None,
        )
    )


@pytest.fixture
def tasks(relay: Relay) -> Tasks:
    return Tasks(relay)


def called(**kwargs: Any) -> TaskCall:
    """A task as it comes to its body."""
    return TaskCall((), kwargs, "a task's id")


def submitted(relay: Relay, door: Enqueuer, count: int = 1) -> list[str]:
    """Messages that the vendor took, by ids of its own: e0, e1 and so on."""
    ids = [one.message_id for one in door.enqueue_many([job() for _ in range(count)])]
    for place, message_id in enumerate(ids):
        begin(relay.records, message_id)
        answer(relay.records, message_id, 1, replace(ACCEPTED, external_id=f"e{place}"))
    return ids


def report(message_id: str | None, code: int = 200, **fields: Any) -> StatusEvent:
    attempt = 1 if message_id else None
    return StatusEvent(**{"message_id": message_id, "attempt": attempt, "code": str(code), "received_at": 1, **fields})


def wires(*events: StatusEvent) -> list[dict[str, Any]]:
    return [event.encode() for event in events]


def record_of(relay: Relay, message_id: str) -> Record:
    reading = relay.records.read(message_id)
    assert reading is not None
    return reading.record


def test_a_batch_is_applied_and_let_go_of(relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis) -> None:
    ids = submitted(relay, door, BATCH)
    events = [report(message_id) for message_id in ids]
    relay.inbox.record(events)
    said = tasks.status(called(events=wires(*events)))
    assert said.count("code 200, delivered") == BATCH
    assert {record_of(relay, message_id).state for message_id in ids} == {State.DELIVERED}
    assert not redis.exists(KEYS.reports, KEYS.reports_outbox, KEYS.reports_keys)


def test_a_single_report_may_come_as_event(relay: Relay, tasks: Tasks, door: Enqueuer) -> None:
    [message_id] = submitted(relay, door)
    event = report(message_id)
    relay.inbox.record([event])
    assert "delivered" in tasks.status(called(event=event.encode()))
    assert relay.inbox.waiting(message_id, None) == []


def test_reports_on_one_message_are_applied_in_their_order(relay: Relay, tasks: Tasks, door: Enqueuer) -> None:
    one, other = submitted(relay, door, 2)
    events = [
        report(one, 100, updated_on=UPDATED),
        report(other, 503),
        report(one, 100, updated_on=UPDATED),
        report(one, 250, updated_on=UPDATED + 1),
        report(one, 200, updated_on=UPDATED + 2),
    ]
    said = tasks.status(called(events=wires(*events))).split("; ")
    assert [part.split(": ")[1].split(" · ")[0] for part in said] == [
        "code 100, noted",
        "code 503, retrying",
        "code 100, repetition",
        "code 250, unknown",
        "code 200, delivered",
    ]
    assert [line.code for line in record_of(relay, one).timeline if line.rule.startswith(("status.", "report"))] == [
        "100",
        "250",
        "200",
    ]


def test_a_batch_costs_one_read_and_one_script_a_report(relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis) -> None:
    first, *ids = submitted(relay, door, BATCH + 1)
    tasks.status(called(events=wires(report(first))))  # connections are open, the scripts are known
    events = [report(message_id) for message_id in ids]
    relay.inbox.record(events)
    cost = spent(redis, lambda: tasks.status(called(events=wires(*events))))
    assert (cost["hgetall"], cost["evalsha"], cost["time"]) == (BATCH, BATCH + 1, BATCH + 1)
    assert cost.total() <= 17 * BATCH, cost
    print(f"a batch of {BATCH} applied: {cost.total() / BATCH} commands a report, {cost}")


def test_a_batch_takes_far_fewer_round_trips_than_its_reports_alone(
    relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis
) -> None:
    first, second, *ids = submitted(relay, door, BATCH + 2)
    tasks.status(called(events=wires(report(first))))
    assert reads(redis, lambda: tasks.status(called(events=wires(report(second))))) == 3
    events = [report(message_id) for message_id in ids]
    # Fifty reports are longer than the server reads at once; in how many pieces they reach it, the network decides.
    assert reads(redis, lambda: tasks.status(called(events=wires(*events)))) < BATCH / 2


def test_reports_by_the_vendors_id_are_looked_up_together(relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis) -> None:
    ids = submitted(relay, door, 3)
    events = [report(None, external_id=f"e{place}") for place in (0, 1, 2, 9)]
    cost = spent(redis, lambda: tasks.status(called(events=wires(*events))))
    assert cost["mget"] == 1
    assert {record_of(relay, message_id).state for message_id in ids} == {State.DELIVERED}
    assert ParkedReports(redis, 1.0).of("e9") == [events[3]]


@pytest.mark.parametrize("poison", ["a record that cannot be read", "a key of another type"])
def test_a_report_that_brings_out_a_fault_does_not_stop_its_neighbours(
    relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis, poison: str
) -> None:
    ids = submitted(relay, door, 5)
    events = [report(message_id) for message_id in ids]
    relay.inbox.record(events)
    if poison == "a record that cannot be read":
        redis.hset(KEYS.message(ids[2]), "len", "many")
    else:
        redis.delete(KEYS.message(ids[2]))
        redis.set(KEYS.message(ids[2]), "not a hash")
    with capture_logs() as logs, pytest.raises(ReportsNotApplied, match=r"^1 of 5 reports"):
        tasks.status(called(events=wires(*events)))
    assert [line["message_id"] for line in logs if line["event"] == "report not applied"] == [ids[2]]
    assert {record_of(relay, one).state for one in ids if one != ids[2]} == {State.DELIVERED}
    assert relay.inbox.tasks(redis.zrange(KEYS.reports_outbox, 0, -1))[0].shown == f"{ids[2]}/1 200"
    assert redis.hlen(KEYS.reports) == 1


def test_what_is_no_report_is_kept_and_its_neighbours_are_applied(relay: Relay, tasks: Tasks, door: Enqueuer) -> None:
    [message_id] = submitted(relay, door)
    said = tasks.status(called(events=[{"code": "200"}, report(message_id).encode(), "nonsense"]))
    assert said.count("refused: ") == 2
    assert record_of(relay, message_id).state is State.DELIVERED
    assert len(relay.undecodable.all()) == 2


@pytest.mark.parametrize("arguments", [{}, {"event": {}, "events": []}, {"events": {}}, {"events": None, "event": []}])
def test_arguments_that_are_neither_a_report_nor_a_list_of_them_are_refused(
    relay: Relay, tasks: Tasks, arguments: dict[str, Any]
) -> None:
    assert tasks.status(called(**arguments)).startswith("refused: ")
    assert len(relay.undecodable.all()) == 1


def test_lost_reports_are_published_again_together(relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis) -> None:
    ids = submitted(relay, door, BATCH + 10)
    relay.inbox.record([report(message_id) for message_id in ids])
    redis.delete(STATUS_QUEUE)
    lost = redis.zrange(KEYS.reports_outbox, 0, -1)
    again = relay.inbox.tasks(lost)
    assert len(again) == 2
    assert all(message_id in again[0].shown + again[1].shown for message_id in ids)


def uncertain_otp(relay: Relay, door: Enqueuer, redis: StoreRedis) -> str:
    """An otp whose answer never came, at the end of its window."""
    message_id = door.enqueue(job(Lane.OTP)).message_id
    begin(relay.records, message_id)
    redis.hincrby(KEYS.message(message_id), "beg", -LEASE)
    for _ in range(2):  # the lease is over, then the window
        redis.zadd(KEYS.agenda, {message_id: 1})
        if record_of(relay, message_id).state is State.SUBMITTING:
            relay.scheduler.turn()
    redis.hincrby(KEYS.message(message_id), "at", -WINDOW)  # its timeline's instants count from there
    redis.delete(Lane.OTP.queue)
    assert record_of(relay, message_id).state is State.UNCERTAIN
    return message_id


@pytest.mark.parametrize(
    ("code", "state"), [(200, State.DELIVERED), (503, State.RETRYING), (500, State.FAILED), (203, State.SUBMITTED)]
)
def test_an_uncertain_otp_whose_report_waits_unapplied_is_not_submitted_again(
    relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis, code: int, state: State
) -> None:
    message_id = uncertain_otp(relay, door, redis)
    event = report(message_id, code)
    relay.inbox.record([report("another"), event])
    assert relay.scheduler.turn() == 1
    assert record_of(relay, message_id).state is state
    assert redis.llen(Lane.OTP.queue) == 0
    assert relay.inbox.waiting(message_id, None) == []
    assert relay.scheduler.turn() == 0
    assert "repetition" in tasks.status(called(events=wires(event)))


def test_an_uncertain_otp_without_a_report_is_submitted_again(relay: Relay, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = uncertain_otp(relay, door, redis)
    relay.inbox.record([report("another")])
    assert relay.scheduler.turn() == 1
    assert redis.llen(Lane.OTP.queue) == 1
    assert record_of(relay, message_id).state is State.QUEUED


def test_a_message_whose_report_waits_unapplied_does_not_end_as_unknown(relay: Relay, door: Enqueuer, redis: StoreRedis) -> None:
    signed, unsigned, silent = submitted(relay, door, 3)
    relay.inbox.record([report(signed), report(None, external_id="e1")])
    for message_id in (signed, unsigned, silent):
        redis.hset(KEYS.message(message_id), "beg", 1)
        redis.zadd(KEYS.agenda, {message_id: 1})
    assert relay.scheduler.turn() == 3
    assert [record_of(relay, one).state for one in (signed, unsigned, silent)] == [
        State.DELIVERED,
        State.DELIVERED,
        State.UNKNOWN,
    ]
    assert redis.get(KEYS.reports_taken) is None


def poisoned(relay: Relay, door: Enqueuer, redis: StoreRedis) -> StatusEvent:
    """A report in the inbox, on a record that cannot be read."""
    [message_id] = submitted(relay, door)
    redis.hset(KEYS.message(message_id), "len", "many")
    event = report(message_id)
    relay.inbox.record([event])
    return event


def fail(tasks: Tasks, event: StatusEvent, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ReportsNotApplied):
            tasks.status(called(events=wires(event)))


def test_a_report_that_brings_out_a_fault_time_and_again_is_kept_for_a_person(
    relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis
) -> None:
    event = poisoned(relay, door, redis)
    fail(tasks, event, REPORT_TRIES - 1)
    assert relay.undecodable.all() == []
    assert "unexpected exception (ValueError)" in tasks.status(called(events=wires(event)))
    [kept] = relay.undecodable.all()
    assert kept.queue == STATUS_QUEUE
    assert kept.reason.startswith("unexpected exception (ValueError) in 5 tries")
    assert not redis.exists(KEYS.reports, KEYS.reports_outbox, KEYS.reports_keys)
    tasks.status(called(events=wires(event)))  # a copy that was still on the queue
    assert relay.undecodable.all() == [kept]


def test_a_kept_report_is_applied_when_it_is_replayed_and_the_fault_is_gone(
    relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis
) -> None:
    event = poisoned(relay, door, redis)
    fail(tasks, event, REPORT_TRIES - 1)
    tasks.status(called(events=wires(event)))
    [kept] = relay.undecodable.all()
    jobs = UnreadableReplay(relay.undecodable, UnreadableCallbacks(redis), relay.enqueuer, relay.inbox, {}, lambda: 0)
    assert jobs.replay(kept, dry_run=False).startswith("queued: a report")
    fail(tasks, event, 1)  # it has all its tries again
    redis.hset(KEYS.message(event.message_id or ""), "len", 3)
    tasks.status(called(events=wires(event)))
    assert record_of(relay, event.message_id or "").state is State.DELIVERED
    assert relay.undecodable.all() == []


def test_a_report_that_is_in_no_inbox_is_kept_at_once_for_nobody_would_try_it_again(
    relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis
) -> None:
    event = poisoned(relay, door, redis)
    relay.inbox.remove([event])
    tasks.status(called(events=wires(event)))
    assert len(relay.undecodable.all()) == 1


def asked_again(relay: Relay, door: Enqueuer, redis: StoreRedis) -> str:
    """An uncertain otp that the agenda has decided to submit again."""
    message_id = uncertain_otp(relay, door, redis)
    assert relay.scheduler.turn() == 1
    assert record_of(relay, message_id).state is State.QUEUED
    return message_id


@pytest.mark.parametrize(
    ("code", "state"), [(200, State.DELIVERED), (503, State.RETRYING), (500, State.FAILED), (203, State.SUBMITTED)]
)
def test_a_report_that_comes_before_the_second_begin_decides_in_its_place(
    relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis, code: int, state: State
) -> None:
    message_id = asked_again(relay, door, redis)
    relay.inbox.record([report("another"), report(message_id, code)])
    said = tasks.attempt(called(ids=[message_id]))
    assert record_of(relay, message_id).state is state
    assert record_of(relay, message_id).attempt == 1
    assert f"nothing to start: {state.value}" in said
    assert relay.inbox.waiting(message_id, None) == []


def test_a_report_by_the_vendors_id_decides_before_the_second_begin_too(
    relay: Relay, tasks: Tasks, door: Enqueuer, redis: StoreRedis
) -> None:
    [message_id] = submitted(relay, door)
    relay.reports.apply(report(message_id, 503))
    redis.hset(KEYS.message(message_id), "due", 1)
    redis.zadd(KEYS.agenda, {message_id: 1})
    relay.scheduler.turn()
    assert record_of(relay, message_id).state is State.QUEUED
    relay.inbox.record([report(None, 200, external_id="e0")])
    assert "nothing to start: delivered" in tasks.attempt(called(ids=[message_id]))


def test_a_first_attempt_does_not_look_into_the_inbox(relay: Relay, door: Enqueuer, redis: StoreRedis) -> None:
    first, again = door.enqueue(job()).message_id, asked_again(relay, door, redis)
    relay.records.claim([first])  # the server knows the script from now on
    looks = [spent(redis, lambda one=one: relay.records.claim([one])) for one in (first, again)]
    assert [cost["evalsha"] for cost in looks] == [1, 1]
    assert looks[1]["zrange"] - looks[0]["zrange"] == 1

"""What the look for lost wake-ups costs, how many agendas may turn at a time, and whose clock decides."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.record import Record
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.records import Records
from smsrelay_worker.attempts.sender import Sender
from smsrelay_worker.scheduler.rescuer import Rescuer
from smsrelay_worker.store.counts import Counts
from smsrelay_worker.store.lost_tasks import LostTasks
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support import messages
from tests.support.messages import POLICY, TIMEOUTS, answer, begin, enqueuer, job, sending, store_clock
from tests.support.queues import published_ids
from tests.support.scripted_vendor import ACCEPTED, Script, scripted_vendor, yisha
from tests.support.scripted_vendor import answer as answered
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

FEW, MANY = 200, 200_000
GRACE = 0.6
YEAR = 365 * 86_400.0  # seconds
OUTBOXES = (*((KEYS.marks(lane), KEYS.outbox(lane)) for lane in Lane), (KEYS.reports_marks, KEYS.reports_outbox))


def backlog(redis: StoreRedis, lane: Lane, messages: int) -> None:
    """Ids of nobody in the outbox of a lane, at the places after the last one."""
    first = int(redis.incrby(KEYS.place, messages)) - messages + 1
    with redis.pipeline(transaction=False) as pipeline:
        for start in range(first, first + messages, 10_000):
            part = range(start, min(start + 10_000, first + messages))
            pipeline.zadd(KEYS.outbox(lane), {f"nobody {place}": place for place in part})
        pipeline.execute()


def commands(redis: StoreRedis) -> Counter[str]:
    """Calls of every command so far, those inside scripts among them."""
    return Counter({name: row["calls"] for name, row in redis.info("commandstats").items()})


def cost(looking: Rescuer, redis: StoreRedis) -> Counter[str]:
    """The commands of a look that has marks to judge by, none of them fresh, and finds nothing."""
    for marks, _ in OUTBOXES:
        redis.delete(marks)
        redis.lpush(marks, f"{store_clock(redis) - 60_000} 0 0")
    before = commands(redis)
    assert looking.find() == 0
    return commands(redis) - before


def test_a_look_that_finds_nothing_costs_the_same_however_long_the_backlog(
    store: Records, door: Enqueuer, redis: StoreRedis, valkey_url: str
) -> None:
    door.enqueue(job())  # so that the queue is not empty: a backlog that waits its turn
    with Publisher(valkey_url) as publisher:
        looking = Rescuer(LostTasks(redis), door, Inbox(redis), publisher, GRACE)
        looking.find()
        backlog(redis, Lane.NOTICE, FEW)
        few = cost(looking, redis)
        backlog(redis, Lane.NOTICE, MANY - FEW)
        assert cost(looking, redis) == few
    assert few["cmdstat_evalsha"] == len(OUTBOXES)
    assert few["cmdstat_zrange"] == len(OUTBOXES)
    print(f"a look that finds nothing: {few.total()} commands with {FEW} and with {MANY} waiting")


def test_what_is_lost_in_a_long_backlog_is_found_and_nothing_else(
    store: Records, counts: Counts, door: Enqueuer, redis: StoreRedis
) -> None:
    *lost, taken = [one.message_id for one in door.enqueue_all([job() for _ in range(101)])]
    store.claim([taken])
    backlog(redis, Lane.NOTICE, MANY - len(lost))
    found: list[str] = []

    def look() -> bool:
        found.extend(LostTasks(redis).take(Lane.NOTICE, GRACE, 500, queue_is_empty=False))
        return bool(found)

    eventually(look)
    assert found == lost
    assert LostTasks(redis).take(Lane.NOTICE, GRACE, 500, queue_is_empty=False) == []
    assert counts.waiting(Lane.NOTICE) == MANY


@pytest.mark.parametrize("agendas", [2, 5])
def test_agendas_that_turn_at_a_time_do_what_is_due_once(
    store: Records, door: Enqueuer, redis: StoreRedis, valkey_url: str, agendas: int
) -> None:
    ids = held_too_long(store, door, redis)
    together, done = threading.Barrier(agendas), []

    def turn() -> None:
        with open_store(StoreAddress(valkey_url)) as own, enqueuer(own, valkey_url) as its_door:
            agenda = messages.agenda(own, valkey_url, its_door)
            together.wait()
            while turned := agenda.turn():
                done.append(turned)

    threads = [threading.Thread(target=turn) for _ in range(agendas)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == len(ids)
    assert Counter(published_ids(redis, Lane.NOTICE)) == Counter(ids)


def test_what_fell_due_while_no_agenda_turned_is_done_by_the_next_one(
    store: Records, door: Enqueuer, redis: StoreRedis, valkey_url: str
) -> None:
    held = held_too_long(store, door, redis)
    retried = door.enqueue(job()).message_id
    begin(store, retried)
    answer(store, retried, 1, Answer(Kind.UNREACHABLE, "connect_error"))
    redis.delete(Lane.NOTICE.queue)
    redis.hset(KEYS.message(retried), "due", 1)
    redis.zadd(KEYS.agenda, {retried: 1})
    agenda = messages.agenda(redis, valkey_url, door)
    while agenda.turn():
        continue
    assert Counter(published_ids(redis, Lane.NOTICE)) == Counter([*held, retried])
    assert record_of(store, retried).state is State.QUEUED


@pytest.mark.parametrize("shows", [0.0, YEAR])
def test_lease_and_report_deadline_are_of_the_stores_clock_whatever_the_hosts_shows(
    store: Records, door: Enqueuer, redis: StoreRedis, shows: float
) -> None:
    message_id, leases = door.enqueue(job()).message_id, list[float]()

    def submitted(connection: socket.socket) -> bool:
        leases.append(wakes_at(redis, message_id))
        return answered(ACCEPTED)(connection)

    with scripted_vendor() as script, sender(store, redis, script, lambda: shows) as door_out:
        script.reaction = submitted
        before = store_clock(redis)
        door_out.attempt([message_id])
        after = store_clock(redis)
    record = record_of(store, message_id)
    assert (record.state, record.attempt) == (State.SUBMITTED, 1)
    assert before <= leases.pop() - TIMEOUTS.lease * 1000 <= after
    assert before <= wakes_at(redis, message_id) - POLICY.report_deadline * 1000 <= after


def test_a_worker_that_stood_still_after_it_began_submits_nothing_and_the_attempt_is_surely_unsent(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    message_id = door.enqueue(job()).message_id

    def stands_still() -> float:
        return 2 * TIMEOUTS.stall if record_of(store, message_id).state is State.SUBMITTING else 0.0

    with scripted_vendor() as script, sender(store, redis, script, stands_still) as door_out:
        door_out.attempt([message_id])
    record = record_of(store, message_id)
    assert (record.state, record.timeline[-1].code) == (State.RETRYING, "worker_stalled")
    assert script.received == []


@contextmanager
def sender(store: Records, redis: StoreRedis, script: Script, monotonic: Callable[[], float]) -> Iterator[Sender]:
    with yisha(script.url, measure=monotonic) as vendor:
        yield sending(store, redis, vendor, monotonic)


def held_too_long(store: Records, door: Enqueuer, redis: StoreRedis) -> list[str]:
    """More claimed messages than an agenda takes in a turn, whose hold has run out."""
    ids = [one.message_id for one in door.enqueue_all([job() for _ in range(600)])]
    store.claim(ids)
    redis.delete(Lane.NOTICE.queue)
    redis.zadd(KEYS.agenda, dict.fromkeys(ids, 1))
    return ids


def wakes_at(redis: StoreRedis, message_id: str) -> float:
    at = redis.zscore(KEYS.agenda, message_id)
    assert at is not None
    return float(at)


def record_of(store: Records, message_id: str) -> Record:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import CHUNK, Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.inbox import Inbox
from smsrelay.store.records import Records
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.scheduler.rescuer import Rescuer
from smsrelay_worker.scheduler.scheduler import Scheduler
from smsrelay_worker.store.counts import Counts
from smsrelay_worker.store.due_messages import DueMessages
from smsrelay_worker.store.lost_tasks import LostTasks
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support import messages
from tests.support.commands import reads, spent
from tests.support.messages import ACCEPTED, LEASE, POLICY, answer, begin, job
from tests.support.queues import published_ids
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

UNREACHABLE = Answer(Kind.UNREACHABLE, "connect_error")


def agenda(store: Records, door: Enqueuer, redis: StoreRedis, policy: Policy = POLICY) -> Scheduler:
    return messages.agenda(redis, url_of(redis), door, policy)


def lost(store: Records, door: Enqueuer, redis: StoreRedis) -> Rescuer:
    return Rescuer(LostTasks(redis), door, Inbox(redis), Publisher(url_of(redis)), grace=0.6)


def url_of(redis: StoreRedis) -> str:
    known = redis.connection_pool.connection_kwargs
    return f"redis://{known['host']}:{known['port']}/{known['db']}"


def due_now(redis: StoreRedis, message_id: str) -> None:
    """Move a message's time into the past, as if it had passed."""
    redis.hset(KEYS.message(message_id), "due", 1)
    redis.zadd(KEYS.agenda, {message_id: 1})


def test_a_retry_that_is_due_is_published_to_its_lane(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job(Lane.OTP)).message_id
    begin(store, message_id)
    answer(store, message_id, 1, UNREACHABLE)
    redis.delete(Lane.OTP.queue)
    due_now(redis, message_id)
    assert agenda(store, door, redis).turn() == 1
    assert redis.llen(Lane.OTP.queue) == 1
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.state is State.QUEUED


def test_two_agendas_do_what_is_due_once(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, UNREACHABLE)
    redis.delete(Lane.NOTICE.queue)
    due_now(redis, message_id)
    first, second = agenda(store, door, redis), agenda(store, door, redis)
    assert first.turn() + second.turn() == 1
    assert redis.llen(Lane.NOTICE.queue) == 1


def test_an_entry_taken_by_an_agenda_that_was_killed_is_due_again(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    redis.zadd(KEYS.agenda, {message_id: 1})
    assert DueMessages(redis).take(10) == [message_id]
    assert DueMessages(redis).take(10) == []
    assert float(redis.zscore(KEYS.agenda, message_id) or 0) > 1


def test_an_attempt_that_begins_while_an_agenda_has_its_message_in_hand_keeps_its_lease(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    message_id = door.enqueue(job(Lane.OTP)).message_id

    class Slow(DueMessages):
        """A turn is long: a worker begins what was taken before it is looked at."""

        def take(self, at_most: int) -> list[str]:
            taken = super().take(at_most)
            if taken:
                begin(store, message_id)
            return taken

    store.claim([message_id])
    redis.zadd(KEYS.agenda, {message_id: 1})  # the claim has run out
    assert messages.agenda(redis, url_of(redis), door, due=Slow(redis)).turn() == 1
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.state is State.SUBMITTING
    assert reading.record.begun_at is not None
    assert float(redis.zscore(KEYS.agenda, message_id) or 0) > reading.record.begun_at + 0.9 * LEASE


def test_a_message_with_a_time_of_its_own_waits_in_the_agenda_and_not_in_a_queue(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    message_id = door.enqueue(job(not_before=later)).message_id
    redis.delete(Lane.NOTICE.queue)
    turning = agenda(store, door, redis)
    assert turning.turn() == 0
    assert begin(store, message_id).transition is None  # type: ignore[union-attr]
    due_now(redis, message_id)
    assert turning.turn() == 1
    assert redis.llen(Lane.NOTICE.queue) == 1
    assert begin(store, message_id).transition is not None  # type: ignore[union-attr]


def test_a_wake_up_that_was_overtaken_is_published_again(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    door.enqueue(job())
    later = door.enqueue(job()).message_id
    store.claim([later])
    looking = lost(store, door, redis)
    assert looking.find() == 0
    eventually(lambda: looking.find() == 1)
    assert redis.llen(Lane.NOTICE.queue) == 3
    assert looking.find() == 0


def test_wake_ups_that_are_left_over_in_an_empty_lane_are_published_again(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    door.enqueue_all([job() for _ in range(1200)])
    redis.delete(Lane.NOTICE.queue)
    looking = lost(store, door, redis)
    assert looking.find() == 0
    eventually(lambda: looking.find() == 1200)
    assert redis.llen(Lane.NOTICE.queue) == 1200 / CHUNK


def test_a_backlog_that_only_waits_its_turn_is_not_published_again(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    accepted = door.enqueue_all([job() for _ in range(200)])
    store.claim([one.message_id for one in accepted[:50]])
    looking = lost(store, door, redis)
    eventually(lambda: looking.find() == 0 and redis.llen(KEYS.marks(Lane.NOTICE)) == 4)
    assert looking.find() == 0


def test_a_late_copy_of_a_wake_up_published_again_does_not_call_the_backlog_lost(
    store: Records, counts: Counts, door: Enqueuer, redis: StoreRedis
) -> None:
    held, later, *backlog = [one.message_id for one in door.enqueue_all([job() for _ in range(100)])]
    store.claim([later])
    looking = lost(store, door, redis)
    eventually(lambda: looking.find() == 1)
    store.claim([held])
    marks, found = redis.llen(KEYS.marks(Lane.NOTICE)), []

    def looked_long_enough() -> bool:
        found.append(looking.find())
        return bool(redis.llen(KEYS.marks(Lane.NOTICE)) == marks + 4)

    eventually(looked_long_enough)
    assert sum(found) == 0
    assert counts.waiting(Lane.NOTICE) == len(backlog)


def test_an_agenda_entry_without_its_message_goes(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    redis.zadd(KEYS.agenda, {"nobody": 1})
    assert agenda(store, door, redis).turn() == 1
    assert redis.zcard(KEYS.agenda) == 0


def test_a_queued_message_expires_when_nobody_begins_it(
    store: Records, counts: Counts, door: Enqueuer, redis: StoreRedis
) -> None:
    message_id = door.enqueue(job(expires_in=1)).message_id
    eventually(lambda: agenda(store, door, redis).turn() == 1)
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.state is State.EXPIRED
    assert counts.waiting(Lane.NOTICE) == 0


def test_silent_submits_are_asked_about_one_a_second_and_the_longest_silent_first(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    asking = replace(POLICY, pull_after=0.001)
    ids = [door.enqueue(job()).message_id for _ in range(4)]
    for place, message_id in enumerate(ids):
        begin(store, message_id)
        answer(store, message_id, 1, replace(ACCEPTED, external_id=f"e{place}"))
        redis.zadd(KEYS.agenda, {message_id: place + 1})
    redis.delete(STATUS_QUEUE)
    looking = agenda(store, door, redis, policy=asking)
    before = int(redis.time()[0]) * 1000
    assert looking.turn() == 4
    assert redis.llen(STATUS_QUEUE) == 1
    waits = [redis.zscore(KEYS.agenda, message_id) for message_id in ids[1:]]
    assert waits == sorted(waits)
    reading = store.read(ids[3])
    assert reading is not None
    assert reading.record.state is State.SUBMITTED
    assert reading.record.due is not None
    assert before + 2000 < reading.record.due <= reading.now + 3000


def test_a_report_whose_task_was_lost_is_published_again_until_it_is_applied(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    inbox, looking = Inbox(redis), lost(store, door, redis)
    event = StatusEvent(message_id="m", attempt=1, code="200", received_at=1)
    inbox.record([event, event])
    assert looking.find() == 0
    eventually(lambda: looking.find() == 1)
    assert redis.llen(STATUS_QUEUE) == 1
    inbox.remove([event])
    assert redis.hlen(KEYS.reports) == 0
    assert redis.zcard(KEYS.reports_outbox) == redis.zcard(KEYS.reports_keys) == 0


def retrying(store: Records, door: Enqueuer, redis: StoreRedis, number: int) -> list[str]:
    """Messages whose retry is due."""
    ids = [one.message_id for one in door.enqueue_many([job() for _ in range(number)])]
    for message_id in ids:
        begin(store, message_id)
        answer(store, message_id, 1, UNREACHABLE)
        due_now(redis, message_id)
    redis.delete(Lane.NOTICE.queue)
    return ids


def test_what_is_due_is_read_and_changed_in_batches(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    turning, number = agenda(store, door, redis), 100
    retrying(store, door, redis, 1)
    assert turning.turn() == 1  # connections are open, the scripts are known
    ids = retrying(store, door, redis, number)
    cost = spent(redis, turning.turn)
    assert set(published_ids(redis, Lane.NOTICE)) == set(ids)
    assert (cost["hgetall"], cost["evalsha"], cost["get"]) == (number, number + 1, 0)
    retrying(store, door, redis, number)
    took = reads(redis, turning.turn)
    print(f"{number} messages that are due: {took} reads by the server, {cost}")
    assert took <= number / 4  # one at a time it was two for each message


def test_a_message_that_brings_out_a_fault_of_ours_does_not_keep_those_behind_it_waiting(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    ids = [door.enqueue(job()).message_id for _ in range(5)]
    for message_id in ids:
        begin(store, message_id)
        answer(store, message_id, 1, UNREACHABLE)
        due_now(redis, message_id)
    redis.delete(Lane.NOTICE.queue)
    poison, *others = sorted(ids)
    redis.hset(KEYS.message(poison), "len", "many")
    assert agenda(store, door, redis).turn() == 5
    assert set(published_ids(redis, Lane.NOTICE)) == set(others)
    assert float(redis.zscore(KEYS.agenda, poison) or 0) > 1, "it is looked at again"

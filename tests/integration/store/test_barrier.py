"""Writes whose loss would break a promise count only once enough replicas have them; the others wait for nobody."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.contract.unreadable_callback import UnreadableCallback
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.transition import Transition
from smsrelay.servers.store_address import StoreAddress
from smsrelay.servers.time_limit import time_limit
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.records import Reading, Records
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.traffic.halts import Halts
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.rate_limit.halt import HaltSwitch
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.store.api.api_key import ApiKey, KeyType, Scope
from smsrelay_worker.store.api.api_keys import ApiKeys
from smsrelay_worker.store.due_messages import DueMessages
from smsrelay_worker.store.forgetting import Forgetting
from smsrelay_worker.store.lost_tasks import LostTasks
from smsrelay_worker.store.parked_reports import ParkedReports
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import SinkStates
from smsrelay_worker.store.undecodable import UndecodableTasks
from tests.support.commands import spent
from tests.support.messages import LEASE, NUMBER_KEYS, POLICY, RETENTION, enqueuer, job, store_clock
from tests.support.replicated_valkey import Replicated
from tests.support.served import TOKEN

NUMBER = "+8613800138000"
SINK = "shop.webhook"
REFUSED = "^kept by 0 of 1 replicas in time$"


class Store:
    """The store of one test, as the parts of a process see it, and a message that waits in it."""

    def __init__(self, redis: StoreRedis, door: Enqueuer, waiting: str, claimed: Reading) -> None:
        self.redis, self.door, self.waiting, self.claimed = redis, door, waiting, claimed
        self.at = store_clock(redis)
        self.records, self.keys = Records(redis, RETENTION), ApiKeys(redis)
        self.report = StatusEvent(message_id=waiting, attempt=1, code="200", received_at=1)

    @staticmethod
    def key(key_id: str) -> ApiKey:
        return ApiKey(key_id, "shop", "a name", KeyType.TEST, "a hash", frozenset(Scope), frozenset(Lane), 1)

    def begin(self) -> None:
        """As a worker does, which asks again with what it has claimed."""
        self.records.change_many([(self.claimed, _begun)], durable=True)

    def add_outcome(self) -> None:
        """As a replay does."""
        outcome = Outcome(self.waiting, 5, State.DELIVERED, 1, "200", "status.200", self.at)
        OutcomeOutbox(self.redis, RETENTION).add(SINK, [outcome])

    def tell(self) -> None:
        """Claim an outcome for no time, so that it can be claimed again, and confirm it."""
        outbox = OutcomeOutbox(self.redis, RETENTION)
        outbox.confirm(outbox.claim([(SINK, 10)], 0.0), 0.0)

    def put_off(self) -> None:
        self.records.change_many([(self.claimed, _put_off)])


def _begun(reading: Reading) -> Transition | None:
    return lifecycle.begin(reading.record, reading.now, LEASE, "me", POLICY)


def _put_off(reading: Reading) -> Transition | None:
    return lifecycle.deferred(reading.record, reading.now, 1000, "late", POLICY)


@pytest.fixture
def store(replicated: Replicated) -> Iterator[Store]:
    """One whose writes wait long enough for replicas that are there."""
    with closing(open_store(replicated.address(), 4)) as redis, enqueuer(redis, replicated.primary.url) as door:
        waiting = door.enqueue(job(reference="waiting")).message_id
        ApiKeys(redis).add(Store.key("revoked"))
        [claimed] = [one for one in Records(redis, RETENTION).claim([waiting]) if one is not None]
        store = Store(redis, door, waiting, claimed)
        store.add_outcome()
        yield store


@pytest.fixture
def hasty(replicated: Replicated, store: Store) -> Iterator[Store]:
    """The same store, whose writes hardly wait, for replicas that are not there."""
    address = replicated.address(wait=0.1)
    with closing(open_store(address, 4)) as redis, enqueuer(redis, replicated.primary.url) as door:
        yield Store(redis, door, store.waiting, store.claimed)


def jobs(count: int) -> list[SendJob]:
    return [job(reference=f"r{number}") for number in range(count)]


PROMISES: dict[str, Callable[[Store], object]] = {
    "accept one": lambda store: store.door.enqueue(job(reference="one")),
    "accept a few": lambda store: store.door.enqueue_all(jobs(3)),
    "accept many": lambda store: list(store.door.enqueue_many(jobs(120))),
    "accept a foreign job": lambda store: store.door.record(job(reference="foreign")),
    "cancel": lambda store: store.door.cancel(store.waiting),
    "begin": lambda store: store.begin(),
    "report": lambda store: Inbox(store.redis).record([store.report]),
    "callback that nobody can read": lambda store: UnreadableCallbacks(store.redis).keep(
        [UnreadableCallback(TOKEN, 1, "why", b"?")]
    ),
    "task that nobody can read": lambda store: UndecodableTasks(store.redis, RETENTION).keep("otp", "why", "body", "id"),
    "suppress": lambda store: Suppressions(store.redis, NUMBER_KEYS).add([NUMBER], "app:shop", "cli"),
    "unsuppress": lambda store: Suppressions(store.redis, NUMBER_KEYS).remove([NUMBER], "app:shop"),
    "halt a lane": lambda store: Halts(store.redis).halt("lane:otp"),
    "resume a lane": lambda store: Halts(store.redis).resume("lane:otp"),
    "halt everything": lambda store: HaltSwitch(store.redis, 0).halt_by_operator(),
    "resume everything": lambda store: HaltSwitch(store.redis, 0).resume(),
    "set the rate": lambda store: RateLimiter(store.redis, 1.0).set_rate(5.0),
    "add a key of the API": lambda store: store.keys.add(store.key("added")),
    "revoke a key of the API": lambda store: store.keys.revoke("revoked"),
    "confirm claimed outcomes, to tell them": lambda store: store.tell(),
    "tell outcomes again": lambda store: store.add_outcome(),
    "resume a sink": lambda store: SinkStates(store.redis).resume(SINK),
    "forget": lambda store: Forgetting(store.redis, NUMBER_KEYS).forget(NUMBER),
}
"""What somebody is told, or does outside the store, because it is written."""

OTHERS: dict[str, Callable[[Store], object]] = {
    "claim": lambda store: store.records.claim([store.waiting]),
    "put off": lambda store: store.put_off(),
    "what is due": lambda store: DueMessages(store.redis).take(10),
    "lost tasks": lambda store: LostTasks(store.redis).take(Lane.OTP, 1.0, 10, queue_is_empty=True),
    "claim outcomes": lambda store: OutcomeOutbox(store.redis, RETENTION).claim([(SINK, 10)], 1.0),
    "park": lambda store: ParkedReports(store.redis, RETENTION).park(store.report),
    "remove applied reports": lambda store: Inbox(store.redis).remove([store.report]),
    "a slot": lambda store: RateLimiter(store.redis, 100.0).acquire(Lane.OTP, "0000000", [1], 1.0),
}
"""What comes after a promise on the same stream, or what the agenda mends."""


@pytest.mark.parametrize("write", PROMISES.values(), ids=PROMISES)
def test_a_promise_is_refused_without_replicas_however_often_and_kept_once_they_are_back(
    store: Store, hasty: Store, replicated: Replicated, write: Callable[[Store], object]
) -> None:
    replicated.freeze()
    for _ in range(2):  # from the second time on the script finds its work done, and writes nothing
        with pytest.raises(StoreUnavailable, match=REFUSED):
            write(hasty)
    replicated.thaw()
    write(store)


@pytest.mark.parametrize("write", OTHERS.values(), ids=OTHERS)
def test_what_promises_nothing_waits_for_no_replica(
    store: Store, replicated: Replicated, write: Callable[[Store], object]
) -> None:
    with replicated.primary.client() as client:
        replicated.freeze()
        assert "wait" not in spent(client, lambda: write(store))


def test_one_replica_is_enough_for_one_and_not_for_two(replicated: Replicated) -> None:
    replicated.freeze(1)
    for wanted, wait in ((1, 10.0), (2, 0.1)):
        with closing(open_store(replicated.address(wanted, wait), 4)) as redis, enqueuer(redis, replicated.primary.url) as door:
            if wanted == 1:
                door.enqueue(job())
            else:
                with pytest.raises(StoreUnavailable, match=r"^kept by 1 of 2 replicas in time$"):
                    door.enqueue(job())


def test_what_was_promised_is_on_a_replica_that_is_promoted(store: Store, replicated: Replicated) -> None:
    replicated.freeze(1)  # so that there is one that must have it
    accepted = store.door.enqueue(job(reference="promised")).message_id
    store.begin()
    with replicated.replicas[1].client() as promoted:
        there = Records(open_store(StoreAddress(replicated.replicas[1].url)), RETENTION)
        assert promoted.role()[0] == "slave"
        assert there.read(accepted) is not None
        begun = there.read(store.waiting)
    assert begun is not None
    assert begun.record.owner == "me"


def test_a_job_that_was_refused_is_recorded_once_when_it_is_enqueued_again(
    store: Store, hasty: Store, replicated: Replicated
) -> None:
    replicated.freeze()
    again = job(reference="again")
    with pytest.raises(StoreUnavailable):
        hasty.door.enqueue(again)
    replicated.thaw()
    accepted = store.door.enqueue(again)
    assert not accepted.new
    assert store.records.read(accepted.message_id) is not None


def test_a_cancel_that_finds_itself_done_waits_for_the_replicas_too(store: Store, hasty: Store, replicated: Replicated) -> None:
    store.door.cancel(store.waiting)
    replicated.freeze()
    with pytest.raises(StoreUnavailable, match=REFUSED):
        hasty.records.change(store.waiting, lambda reading: cancelled(reading.record), durable=True)


@pytest.mark.parametrize("replicas", [0, 1])
def test_with_replicas_each_round_trip_has_two_commands_more_and_without_none(replicated: Replicated, replicas: int) -> None:
    with closing(open_store(replicated.address(replicas), 4)) as redis, enqueuer(redis, replicated.primary.url) as door:
        door.enqueue(job())  # loads the script, and reads the clock
        with replicated.primary.client() as client:
            single = spent(client, lambda: door.record(job()))
            bulk = spent(client, lambda: list(door.enqueue_many(job() for _ in range(500))))
    assert [single[name] for name in ("evalsha", "hincrby", "wait")] == [1, 1 + replicas, replicas]  # one of each script counts
    assert [bulk[name] for name in ("evalsha", "hincrby", "wait")] == [10, 10 + replicas, replicas]


def test_the_wait_ends_within_the_time_limit_in_force(replicated: Replicated) -> None:
    replicated.freeze()
    with closing(open_store(replicated.address(1, wait=60.0), 4)) as redis:
        inbox = Inbox(redis)
        with time_limit(2.0), pytest.raises(StoreUnavailable, match=REFUSED):  # and not that the store did not answer
            inbox.record([StatusEvent(message_id="m", attempt=1, code="200", received_at=1)])


def test_a_short_answer_is_not_a_reason_to_run_the_scripts_again(hasty: Store, replicated: Replicated) -> None:
    replicated.freeze()
    with replicated.primary.client() as client:
        single = spent(client, lambda: refused(lambda: hasty.door.record(job())))
        bulk = spent(client, lambda: refused(lambda: hasty.door.enqueue_all(jobs(120))))
    assert (single["evalsha"], single["wait"]) == (1, 1)
    assert (bulk["evalsha"], bulk["wait"]) == (3, 1)


def test_a_short_answer_closes_the_connection_so_that_the_next_may_lead_to_another_primary(
    hasty: Store, replicated: Replicated
) -> None:
    replicated.freeze()
    ids = []
    for _ in range(2):
        refused(lambda: hasty.door.record(job()))
        ids.append(hasty.redis.client_id())
    assert ids[0] != ids[1]


def refused(act: Callable[[], object]) -> None:
    with pytest.raises(StoreUnavailable, match=REFUSED):
        act()


def test_a_user_who_may_not_wait_is_told_so(replicated: Replicated) -> None:
    with replicated.primary.client() as admin:
        admin.acl_setuser("relay", enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all", "-wait"])
        url = f"redis://relay:any@127.0.0.1:{replicated.primary.port}/0"
        with (
            closing(open_store(StoreAddress(url, replicas=1))) as redis,
            enqueuer(redis, url) as door,
            pytest.raises(StoreUnavailable, match="NOPERM: the user lacks a permission"),
        ):
            door.enqueue(job())
        admin.acl_deluser("relay")

"""Events for a queue on the servers of the store are taken once as many replicas have them as must have a write of the store."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kombu import Connection
from redis import Redis

from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import open_store
from smsrelay_worker.outcomes.answer import Verdict
from smsrelay_worker.outcomes.celery_sink import CeleryQueue, queue_publisher
from smsrelay_worker.outcomes.event import Event
from tests.support.commands import reads, spent
from tests.support.outcome_rig import rig_on
from tests.support.replicated_valkey import Replicated, replicated_valkey
from tests.support.waiting import eventually

SINK, QUEUE, TASK = "bank.celery", "bank.sms", "bank.tasks.sms_outcome"
EVENTS = [Event(f"msg_018f_{number}", {"type": "message.delivered", "data": {"zh": "已送达"}}) for number in range(300)]
REFUSED = "kept by 0 of 1 replicas in time"


@contextmanager
def queue_at(broker_url: str, store: StoreAddress) -> Iterator[CeleryQueue]:
    with closing(CeleryQueue(queue_publisher(broker_url, store), QUEUE, TASK)) as queue:
        yield queue


def ids(tasks: list[str]) -> list[str]:
    return [json.loads(task)["headers"]["id"] for task in tasks]


def test_what_no_replica_has_is_not_taken_and_stays_in_the_outbox_until_one_has(replicated: Replicated) -> None:
    """The store itself waits for nobody here, as if the replicas had gone right after the claim was confirmed."""
    broker = replicated.primary.url
    with (
        closing(open_store(StoreAddress(broker), 8)) as redis,
        queue_at(broker, replicated.address(wait=0.1)) as hasty,
        queue_at(broker, replicated.address()) as patient,
    ):
        replicated.freeze()
        rig = rig_on(redis, {SINK: hasty})
        rig.outcomes(20, SINK)
        with rig.running():
            eventually(lambda: rig.states.read().get(SINK), "the delivery has ended")
        assert rig.states.read()[SINK].status == REFUSED
        assert rig.waiting(SINK) == 20
        replicated.thaw()
        again = rig_on(redis, {SINK: patient})
        again.outbox.due_now(SINK, 0.0)
        with again.running():
            eventually(lambda: again.waiting(SINK) == 0, "all are taken")


def test_it_takes_one_round_trip_and_one_command_more(replicated: Replicated) -> None:
    with queue_at(replicated.primary.url, replicated.address(wait=0.1)) as queue, replicated.primary.client() as client:
        queue.deliver(EVENTS[:1])  # connects
        cost = spent(client, lambda: queue.deliver(EVENTS[:3]))
        replicated.freeze()  # or the server would read what they acknowledge, too
        eventually(lambda: reads(client, lambda: None) == 0, "it has read what they had acknowledged")
        assert reads(client, lambda: queue.deliver(EVENTS[:3])) <= 2  # and the end of the connection, which is given up
    assert {name: cost[name] for name in ("lpush", "wait", "hincrby")} == {"lpush": 3, "wait": 1, "hincrby": 0}


def test_where_the_store_waits_for_no_replicas_no_command_is_added(replicated: Replicated) -> None:
    with queue_at(replicated.primary.url, replicated.address(0)) as queue, replicated.primary.client() as client:
        queue.deliver(EVENTS[:1])
        replicated.freeze()
        cost = spent(client, lambda: queue.deliver(EVENTS[:3]))
    assert set(cost) == {"lpush"}


def test_another_server_may_have_no_replicas_and_waits_for_none(replicated: Replicated, valkey_url: str) -> None:
    with queue_at(valkey_url, replicated.address()) as queue, Redis.from_url(valkey_url) as client:
        queue.deliver(EVENTS[:1])
        cost = spent(client, lambda: all(answer.taken for answer in queue.deliver(EVENTS[:3])))
        assert client.llen(QUEUE) == 4
    assert set(cost) == {"lpush"}


def test_a_database_of_the_apps_own_on_the_same_server_waits_too_and_kombu_reads_it(replicated: Replicated) -> None:
    broker = replicated.primary.url.removesuffix("/0") + "/1"
    with queue_at(broker, replicated.address()) as queue:
        assert all(answer.taken for answer in queue.deliver(EVENTS))
    with Redis.from_url(broker) as client:
        assert client.keys("*") == [QUEUE.encode()]
    with Connection(broker) as connection, connection.SimpleQueue(QUEUE) as waiting:
        message = waiting.get(timeout=5)
        message.ack()
    assert message.payload[0] == [EVENTS[0].task_argument]
    assert EVENTS[0].id in message.headers["argsrepr"]
    with queue_at(broker, replicated.address(wait=0.1)) as queue:
        replicated.freeze()
        assert [answer.status for answer in queue.deliver(EVENTS[:2])] == [REFUSED] * 2


def test_every_event_that_was_taken_is_on_the_replica_that_is_promoted(tmp_path: Path) -> None:
    """Killed right after the last answer: nothing has time to arrive later. One replica alone must have had them."""
    with replicated_valkey(tmp_path) as servers, queue_at(servers.primary.url, servers.address()) as queue:
        servers.freeze(1)
        answers = [answer for event in EVENTS for answer in queue.deliver([event])]
        servers.primary.process.kill()
        with servers.replicas[1].client() as promoted:
            promoted.replicaof("NO", "ONE")
            there = promoted.lrange(QUEUE, 0, -1)
        servers.thaw()
    assert all(answer.taken for answer in answers)
    assert ids(there) == [event.id for event in reversed(EVENTS)]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda client: client.set(QUEUE, "text"), "Redis refuses what is published"),
        (lambda client: client.config_set("maxmemory", "1"), "the store did not answer (OOM: its memory is full (maxmemory))"),
    ],
    ids=["the queue's name is taken", "no room"],
)
def test_a_server_that_refuses_is_a_failed_delivery(replicated: Replicated, spoil: Callable[[Redis], object], says: str) -> None:
    with queue_at(replicated.primary.url, replicated.address()) as queue, replicated.primary.client() as client:
        spoil(client)
        answers = queue.deliver(EVENTS[:2])
        client.config_set("maxmemory", "0")
    assert [(answer.verdict, answer.status) for answer in answers] == [(Verdict.FAILED, says)] * 2

"""Publishing to a RabbitMQ of three nodes, of which one is killed, stopped or falls silent."""

import threading
from collections.abc import Iterator

import pytest

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import ATTEMPT, TaskMessage
from smsrelay.contract.lanes import Lane
from smsrelay.servers.time_limit import time_limit
from smsrelay_worker.operations.doctor.servers.rabbitmq_nodes import examine_nodes
from tests.support.rabbitmq_cluster import RabbitMQCluster, running_cluster
from tests.support.waiting import eventually

OTP = Lane.OTP.queue
THREADS = 4


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def publisher(cluster: RabbitMQCluster) -> Iterator[Publisher]:
    with Publisher(cluster.url, connections=THREADS) as publisher:
        eventually(lambda: published(publisher), "the queue takes tasks")
        yield publisher


def a_task() -> TaskMessage:
    return TaskMessage(name=ATTEMPT, queue=OTP, kwargs={"ids": []}, shown="a task")


def test_every_node_has_a_copy_of_a_queue(cluster: RabbitMQCluster, publisher: Publisher) -> None:
    assert cluster.members(OTP) == len(cluster.nodes)


def test_a_node_that_falls_silent_costs_each_of_its_connections_one_call_at_most(
    cluster: RabbitMQCluster, publisher: Publisher
) -> None:
    assert refused_together(publisher) == 0  # every connection of the pool is open, and to the first node
    with cluster.nodes[0].frozen():
        assert not published(publisher)
        eventually(lambda: published(publisher), "another node takes tasks")
        assert refused_together(publisher) == 0


def test_a_node_that_is_killed_is_replaced_within_the_call(cluster: RabbitMQCluster) -> None:
    connected = cluster.others(cluster.leader(OTP))[0]
    with Publisher(cluster.url_from(connected), THREADS) as publisher:
        assert refused_together(publisher) == 0
        connected.kill()
        try:
            assert refused_together(publisher) == 0
        finally:
            connected.start()


def test_a_short_time_limit_suffices_when_the_first_node_of_the_url_is_silent(cluster: RabbitMQCluster) -> None:
    silent = cluster.others(cluster.leader(OTP))[0]
    with silent.frozen(), Publisher(cluster.url_from(silent), 1) as other:

        def in_time() -> bool:
            with time_limit(5.0):
                return published(other)

        eventually(in_time, "the second node takes tasks")
        assert in_time()


def test_doctor_names_the_node_that_does_not_answer(cluster: RabbitMQCluster) -> None:
    away = cluster.nodes[1]
    assert [one.severity.value for one in examine_nodes(cluster.url)] == ["note"]
    away.stop()
    try:
        said = [one.problem for one in examine_nodes(cluster.url)]
    finally:
        away.start()
    assert any("node 2 of SMSRELAY_BROKER_URL did not answer" in problem for problem in said)
    assert examine_nodes(away.url) == []


def published(publisher: Publisher) -> bool:
    try:
        publisher.publish(a_task())
    except BrokerUnavailable:
        return False
    return True


def refused_together(publisher: Publisher) -> int:
    """Publish on every connection of the pool at once; how many calls failed."""
    meeting, failed = threading.Barrier(THREADS), threading.Semaphore(0)

    def publish() -> None:
        meeting.wait(60)
        if not published(publisher):
            failed.release()

    running = [threading.Thread(target=publish) for _ in range(THREADS)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    return sum(failed.acquire(blocking=False) for _ in range(THREADS))

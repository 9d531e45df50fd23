"""The whole relay over a RabbitMQ of three nodes: the one that leads the queues, and to which all are connected, is lost."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.rabbitmq import RabbitMQ
from tests.support.rabbitmq_cluster import RabbitMQCluster, running_cluster
from tests.support.relay_process import RelayProcess, a_job, running_relay

BACK = 120.0  # seconds until everything goes on
BATCH = 20


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def over_cluster(tmp_path_factory: pytest.TempPathFactory, cluster: RabbitMQCluster) -> Iterator[RelayProcess]:
    settings = {"SMSRELAY_BROKER_URL": cluster.url, "SMSRELAY_CONCURRENCY": "8"}
    with running_relay(tmp_path_factory.mktemp("over-cluster") / "relay", settings=settings) as running:
        yield running


@pytest.mark.parametrize("fault", ["killed", "silent"])
def test_a_node_that_is_lost_ends_no_process_and_messages_go_on(
    over_cluster: RelayProcess, cluster: RabbitMQCluster, fault: str
) -> None:
    relay = over_cluster
    delivered(relay, enqueued(relay))
    before = relay.processes()
    leader = cluster.leader(Lane.NOTICE.queue)
    under_way = enqueued(relay)
    with killed(leader) if fault == "killed" else silent(leader):
        delivered(relay, {**under_way, **enqueued(relay)})
    delivered(relay, enqueued(relay))
    assert relay.processes() == before


def test_what_is_accepted_while_one_node_of_three_is_left_goes_out_once_another_one_is_back(
    over_cluster: RelayProcess, cluster: RabbitMQCluster
) -> None:
    relay = over_cluster
    delivered(relay, enqueued(relay, 1))
    before = relay.processes()
    _, second, third = cluster.nodes
    with killed(third):
        with killed(second):
            waiting = enqueued(relay, 3)
            assert not any(relay.simulator.submits(to) for to in waiting.values())
        delivered(relay, waiting)
    assert relay.processes() == before


@contextmanager
def killed(node: RabbitMQ) -> Iterator[None]:
    node.kill()
    try:
        yield
    finally:
        node.start()


def silent(node: RabbitMQ) -> AbstractContextManager[None]:
    return node.frozen()


def enqueued(relay: RelayProcess, count: int = BATCH) -> dict[str, str]:
    """Recipients by message id."""
    jobs = [a_job(Lane.NOTICE) for _ in range(count)]
    return {relay.relay.enqueuer.enqueue(job).message_id: job.to for job in jobs}


def delivered(relay: RelayProcess, recipients: dict[str, str]) -> None:
    """Each once."""
    for message_id in recipients:
        relay.wait_state(message_id, State.DELIVERED, BACK)
    assert [len(relay.simulator.submits(to)) for to in recipients.values()] == [1] * len(recipients)

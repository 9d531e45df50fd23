"""A relay whose store is a cluster of three nodes, and whose broker is a Redis of its own: the whole path, with real workers."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Accepted
from tests.support.redis_cluster import RedisCluster, running_cluster
from tests.support.relay_process import TEMPLATE, RelayProcess, a_recipient, running_relay
from tests.support.waiting import eventually
from tests.support.whole_path import walk

_BEHIND = 60.0  # seconds; the nodes need some to agree that one of them is gone


@dataclass(frozen=True, slots=True)
class Placed:
    """A relay and its cluster."""

    relay: RelayProcess
    cluster: RedisCluster


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placed]:
    folder = tmp_path_factory.mktemp("cluster")
    with (
        running_cluster(folder / "nodes") as cluster,
        running_relay(folder / "relay", settings={"SMSRELAY_STORE_URL": cluster.url}) as relay,
    ):
        yield Placed(relay, cluster)


def delivered(relay: RelayProcess, message_ids: list[str]) -> None:
    for message_id in message_ids:
        relay.wait_state(message_id, State.DELIVERED, _BEHIND)


def test_messages_of_every_lane_are_delivered_retried_and_failed(placed: Placed) -> None:
    relay = placed.relay
    failed = walk(relay)[3]
    assert relay.cli("dead", "list", "--json").returncode == 0
    assert relay.cli("dead", "replay", failed).returncode == 0
    relay.wait(failed, lambda record: record.attempt == 2, "it is attempted again")


def test_a_bulk_is_delivered(placed: Placed) -> None:
    jobs = [SendJob(to=a_recipient(), template=TEMPLATE, params=["7"], lane=Lane.MARKETING) for _ in range(150)]
    accepted = placed.relay.relay.enqueuer.enqueue_all(jobs)
    delivered(placed.relay, [one.message_id for one in accepted if isinstance(one, Accepted)])


def test_every_key_is_in_the_slot_of_the_prefix(placed: Placed) -> None:
    owner = placed.cluster.owner
    with owner.client() as client:
        assert {name.split(":")[0] for name in client.scan_iter(count=1000)} == {"{sms}"}
    others = [node for node in placed.cluster.nodes[:3] if node is not owner]
    assert [node.ask("DBSIZE") for node in others] == [0, 0]


def test_what_a_halt_held_is_released_and_every_command_answers(placed: Placed) -> None:
    relay = placed.relay
    assert relay.cli("halt", "--app", "shop").returncode == 0
    held = relay.send(a_recipient(), Lane.NOTICE, app="shop")
    eventually(lambda: "halted" in relay.cli("why", held).stdout, "it is held")
    assert relay.cli("resume", "--app", "shop").returncode == 0
    delivered(relay, [held])
    for command in (("status",), ("show", held), ("waiting",), ("campaign", "list"), ("rate",)):
        ended = relay.cli(*command)
        assert ended.returncode == 0, (command, ended.stderr)
    assert "did not answer" not in relay.cli("doctor").stdout


def test_the_relay_goes_on_when_the_owner_of_its_keys_moves_and_when_it_is_killed(placed: Placed) -> None:
    relay, cluster = placed.relay, placed.cluster
    cluster.fail_over()
    delivered(relay, [relay.send(a_recipient()) for _ in range(5)])
    cluster.owner.kill()
    sent = [eventually(lambda: relay.send(a_recipient()), "a job is accepted again", _BEHIND) for _ in range(5)]
    delivered(relay, sent)

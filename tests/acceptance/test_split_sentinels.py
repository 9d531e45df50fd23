"""A relay that reaches both sides of a split network: the old primary with a sentinel, and the majority with the new primary.

Its processes know the sentinel that is cut off as the first one, and are connected to the primary that is cut off.
"""

from collections.abc import Iterator

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.flower import flower, sees_a_worker
from tests.support.relay_process import RelayProcess, a_job, running_relay
from tests.support.split_sentinels import SplitGroup, running_split_group
from tests.support.waiting import eventually

BACK = 60.0  # seconds until everything goes on
BATCH = 20


@pytest.fixture(scope="module")
def split_group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SplitGroup]:
    with running_split_group(tmp_path_factory.mktemp("split")) as running:
        yield running


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, split_group: SplitGroup) -> Iterator[RelayProcess]:
    """One that counts a write only once a replica has it."""
    url = split_group.url()
    servers = {"SMSRELAY_BROKER_URL": url, "SMSRELAY_STORE_URL": url, "SMSRELAY_STORE_REPLICAS": "1"}
    data = tmp_path_factory.mktemp("between") / "relay"
    with running_relay(data, settings={**servers, "SMSRELAY_CONCURRENCY": "8"}) as running:
        yield running


def test_it_goes_on_with_the_majority_and_stays_there(relay: RelayProcess, split_group: SplitGroup) -> None:
    with flower(relay.environment, relay.data) as flower_url:
        jobs = delivered(relay)
        eventually(lambda: sees_a_worker(flower_url, relay.environment), "Flower sees the worker", BACK)
        before = relay.processes()
        split_group.split()
        jobs += delivered(relay)
        eventually(lambda: sees_a_worker(flower_url, relay.environment), "Flower sees the worker again", BACK)
        assert split_group.is_cut_off()
        split_group.heal()
        jobs += delivered(relay)
        assert [len(relay.simulator.submits(job.to)) for job in jobs] == [1] * len(jobs)
        assert relay.processes() == before


def delivered(relay: RelayProcess) -> list[SendJob]:
    """Jobs that are accepted, and whose messages are delivered."""
    jobs = [a_job(Lane.NOTICE) for _ in range(BATCH)]
    for message_id in [relay.accepted(job, BACK).message_id for job in jobs]:
        relay.wait_state(message_id, State.DELIVERED, BACK)
    return jobs

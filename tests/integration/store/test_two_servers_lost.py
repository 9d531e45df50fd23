"""Where both replicas must have what is accepted, it survives the loss of any two of the three servers."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import open_store
from smsrelay.store.records import Records
from tests.support.messages import RETENTION, enqueuer, job
from tests.support.replicated_valkey import Replicated, replicated_valkey

MESSAGES = 100


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Replicated]:
    with replicated_valkey(tmp_path) as running:
        yield running


@pytest.mark.parametrize("left", [0, 1])
def test_what_was_accepted_is_on_the_only_replica_that_is_left(servers: Replicated, left: int) -> None:
    """Killed right after the last answer: nothing has time to arrive later."""
    with open_store(servers.address(replicas=2)) as redis, closing(enqueuer(redis, servers.primary.url)) as door:
        accepted = [door.enqueue(job()).message_id for _ in range(MESSAGES)]
        servers.primary.process.kill()
        servers.replicas[1 - left].process.kill()
    survivor = servers.replicas[left]
    with survivor.client() as client:
        client.replicaof("NO", "ONE")
    with open_store(StoreAddress(survivor.url)) as redis:
        assert None not in Records(redis, RETENTION).read_many(accepted)

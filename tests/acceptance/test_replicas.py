"""A relay whose writes wait for a replica: without it nothing is accepted or submitted, and nothing gets lost or doubled."""

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from smsrelay.contract.state import State
from smsrelay.store.connection import StoreUnavailable
from tests.support.relay_process import RelayProcess, a_recipient, a_reference, running_relay
from tests.support.replicated_valkey import Server, running_server
from tests.support.waiting import eventually


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    settings = {"SMSRELAY_STORE_REPLICAS": "1", "SMSRELAY_STORE_WAIT": "0.5"}
    with running_relay(tmp_path / "relay", settings=settings) as running:
        yield running


@pytest.fixture
def replica(relay: RelayProcess, tmp_path: Path) -> Iterator[Server]:
    """A replica of the relay's store that has all of it."""
    relay.redis.config_set("repl-diskless-sync-delay", "0")
    with running_server(tmp_path / "replica") as server:
        with server.client() as client:
            client.replicaof("127.0.0.1", str(relay.redis.connection_pool.connection_kwargs["port"]))
        eventually(lambda: relay.redis.wait(1, 100) == 1, "the replica is in step")
        yield server
        server.process.send_signal(signal.SIGCONT)


def test_without_its_replica_nothing_is_accepted_or_submitted_and_all_goes_on_with_it(
    relay: RelayProcess, replica: Server
) -> None:
    first = relay.send(a_recipient())
    relay.wait_state(first, State.DELIVERED)
    replica.freeze()
    to, one = a_recipient(), {"reference": a_reference(), "params": ["394021"]}
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="kept by 0 of 1 replicas in time"):
            relay.send(to, **one)
    log = relay.data / "worker.log"
    eventually(lambda: "begins not answered, asked again" in log.read_text("utf-8"), "a worker waits with a begin")
    assert relay.simulator.submits(to) == []
    replica.thaw()
    accepted = eventually(lambda: _sent(relay, to, one), "it is accepted")
    relay.wait_state(accepted, State.DELIVERED)
    assert len(relay.simulator.submits(to)) == relay.record(accepted).attempt


def _sent(relay: RelayProcess, to: str, one: Mapping[str, Any]) -> str | None:
    try:
        return relay.send(to, **one)
    except StoreUnavailable:
        return None

"""The doctor asks a real primary about its replicas, and the replicas themselves."""

import pytest

from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import open_store
from smsrelay_worker.operations.doctor.servers.topology import examine_topology
from tests.support.replicated_valkey import Replicated
from tests.support.waiting import eventually


def said(store: StoreAddress) -> list[tuple[str, str]]:
    with open_store(store, 2) as redis:
        return [(one.severity.value, one.problem) for one in examine_topology(store, redis)]


@pytest.mark.parametrize(("wanted", "severity"), [(0, ["warning"]), (1, ["note"]), (2, ["warning"]), (3, ["error"])])
def test_it_finds_what_two_replicas_can_keep(replicated: Replicated, wanted: int, severity: list[str]) -> None:
    assert [severity for severity, _ in said(replicated.address(wanted))] == severity


def test_a_replica_that_does_not_sync_what_it_acknowledges_is_found(replicated: Replicated) -> None:
    with replicated.replicas[0].client() as replica:
        replica.config_set("appendfsync", "everysec")
        found = said(replicated.address())
        replica.config_set("appendfsync", "always")
    place = f"127.0.0.1:{replicated.replicas[0].port}"
    assert [one for one in found if one[0] != "note"] == [
        ("warning", f"replica {place} acknowledges what is not on its disk (everysec): a power failure of both hosts loses it")
    ]


def test_a_replica_that_is_never_promoted_is_found(replicated: Replicated) -> None:
    with replicated.replicas[0].client() as replica:
        replica.config_set("replica-priority", "0")
        found = said(replicated.address())
        replica.config_set("replica-priority", "100")
    assert [severity for severity, _ in found] == ["note", "warning"]


def test_a_replica_that_has_fallen_silent_is_not_counted(replicated: Replicated) -> None:
    replicated.freeze(1)
    with replicated.primary.client() as primary:
        eventually(lambda: any(primary.info("replication")[f"slave{one}"]["lag"] > 5 for one in (0, 1)), "one is silent")
    assert [severity for severity, _ in said(replicated.address(1))] == ["warning", "warning"]


@pytest.mark.parametrize(
    ("denied", "severities"), [("-wait", ["error", "note"]), ("-info", ["warning"]), ("-config", 3 * ["note"])]
)
def test_what_the_store_refuses_to_tell_or_to_do_is_found(replicated: Replicated, denied: str, severities: list[str]) -> None:
    servers = (replicated.primary, *replicated.replicas)
    for server in servers:
        with server.client() as admin:
            admin.acl_setuser("doctor", enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all", denied])
    found = said(StoreAddress(f"redis://doctor:any@127.0.0.1:{replicated.primary.port}/0", replicas=1))
    for server in servers:
        with server.client() as admin:
            admin.acl_deluser("doctor")
    assert [severity for severity, _ in found] == severities

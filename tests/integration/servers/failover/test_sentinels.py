"""The store by sentinel://: every spelling of the address, failovers of every kind, and sentinels that are wrong or away."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.servers.failover.primary import finder
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.store_address import StoreAddress
from smsrelay.settings import StoreSettings
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store, store_answers
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.operations.doctor.servers import access
from smsrelay_worker.operations.doctor.servers.sentinels import examine_sentinels
from tests.support.certificates import Authority
from tests.support.redis_node import RedisNode
from tests.support.redis_server import installed_or_skipped
from tests.support.resp_server import answering, array
from tests.support.sentinels import MASTER, SentinelGroup, Special, running_sentinels
from tests.support.store_clients import COUNTER, Write, store_clients
from tests.support.waiting import eventually

_ODD, _ADMIN, _WATCHED = 'p@ss:w/o#r%d é"', "admin", "s&ntinel p+w"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelGroup]:
    """On IPv6; a user with an odd password, and sentinels with one of their own."""
    user = 'user app on "~*" "&*" "+@all" "-@dangerous" "-@admin" ">' + _ODD.replace('"', '\\"') + '"'
    special = Special(
        host="::1",
        server=(f"requirepass {_ADMIN}", f"masterauth {_ADMIN}", user),
        sentinel=(f'requirepass "{_WATCHED}"', f"sentinel auth-pass {MASTER} {_ADMIN}"),
        login={"password": _ADMIN},
        sentinel_login={"password": _WATCHED},
    )
    with running_sentinels(tmp_path_factory.mktemp("guarded"), special) as group:
        yield group


def test_by_ipv6_with_users_and_odd_passwords_all_of_us_write_to_the_primary(guarded: SentinelGroup) -> None:
    url = guarded.url(3, "app", _ODD, sentinel_password=_WATCHED)
    with store_clients(url) as writes:
        assert [write() for write in writes.values()] == [1, 2, 1]
    with guarded.primary.client(db=3) as at_primary:
        assert at_primary.llen("sms.status") == 1


@pytest.mark.parametrize("options", [{}, {"sentinel_password": "wrong-4711"}])
def test_a_wrong_login_at_the_sentinels_is_said_to_be_theirs(guarded: SentinelGroup, options: dict[str, str]) -> None:
    said = why(guarded.url(3, "app", _ODD, **options))
    assert said == "the store did not answer (no sentinel lets us ask for the primary (sentinel_user, sentinel_password))"


def test_a_wrong_login_at_the_primary_is_said_to_be_its(guarded: SentinelGroup) -> None:
    said = why(guarded.url(3, "app", "wrong-4711", sentinel_password=_WATCHED))
    assert "user or password is wrong" in said
    assert "4711" not in said


@pytest.mark.parametrize("down", [SentinelGroup.kill_primary, SentinelGroup.freeze_primary])
def test_one_call_outlives_the_loss_of_the_primary(group: SentinelGroup, down: Callable[[SentinelGroup], RedisNode]) -> None:
    with store_clients(group.url()) as writes, ThreadPoolExecutor() as threads:
        assert [write() for write in writes.values()] == [1, 2, 1]
        old = down(group)
        calls = [threads.submit(writes[way]) for way in ("pool", "loop")]  # without any retry of ours
        assert sorted(call.result() for call in calls) == [3, 4]
        assert group.primary is not old
        eventually(lambda: worked(writes["pipeline"]), "reports are published again")


def test_after_an_orderly_failover_no_open_connection_stays_at_the_old_primary(group: SentinelGroup) -> None:
    with store_clients(group.url()) as writes, open_store(StoreAddress(group.url())) as redis:
        assert len(ports(redis)) == 1
        writes["pipeline"]()
        old = group.primary
        group.sentinels[0].ask("SENTINEL", "FAILOVER", MASTER)
        new = eventually(lambda: group.primary is not old and group.primary, "another server is the primary")
        eventually(lambda: ports(redis) == {new.port}, "every connection leads to it")
        for way in ("pool", "loop"):
            writes[way]()
        eventually(lambda: worked(writes["pipeline"]), "reports are published again, by a script that it did not know")
        assert new.ask("GET", COUNTER) == "2"


def test_without_any_sentinel_whatever_runs_goes_on_with_new_connections_too(group: SentinelGroup) -> None:
    with store_clients(group.url()) as writes:
        for write in writes.values():
            write()
        try:
            for sentinel in group.sentinels:
                sentinel.kill()
            for write in writes.values():
                write()
            with store_clients(group.url()) as others:
                for write in others.values():
                    write()
            finder.cache_clear()  # as in a process that starts now
            assert why(group.url()) == "the store did not answer (no sentinel answers)"
        finally:
            for sentinel in group.sentinels:
                sentinel.start()


def test_a_name_that_no_sentinel_knows_is_said_to_be_unknown(standing_group: SentinelGroup) -> None:
    url = standing_group.url().replace(f"master={MASTER}", "master=another")
    assert why(url) == "the store did not answer (no sentinel knows a primary named another)"


def test_sentinels_that_are_away_are_said_to_be_away() -> None:
    assert why(f"sentinel://127.0.0.1:{free_port()},[::1]:{free_port()}/0?master=relay") == (
        "the store did not answer (no sentinel answers)"
    )


def test_servers_that_are_no_sentinels_are_said_to_be_none(standing_group: SentinelGroup) -> None:
    url = f"sentinel://127.0.0.1:{standing_group.servers[0].port}/0?master=relay"
    assert why(url) == "the store did not answer (the servers there are not sentinels)"


def test_a_sentinel_that_names_a_replica_is_not_believed(standing_group: SentinelGroup) -> None:
    replica = next(node for node in standing_group.servers if node is not standing_group.primary)
    with answering({"SENTINEL": array("127.0.0.1", str(replica.port))}) as liar:
        alone = f"sentinel://127.0.0.1:{liar}/0?master={MASTER}"
        assert why(alone) == "the store did not answer (the server that is named as the primary is a replica)"
        beside_others = standing_group.url().replace("sentinel://", f"sentinel://127.0.0.1:{liar},")
        with store_clients(beside_others) as writes:
            for write in writes.values():
                write()


def test_doctor_finds_nothing_wrong_with_a_complete_group_and_says_which_sentinels_are_missing(
    standing_group: SentinelGroup,
) -> None:
    assert examine_sentinels(RedisAddress.of(standing_group.url())) == []
    two_away = standing_group.url().replace("sentinel://", f"sentinel://127.0.0.1:{free_port()},127.0.0.1:{free_port()},")
    [finding] = examine_sentinels(RedisAddress.of(two_away))
    assert finding.problem.startswith("3 of the 5 sentinels that the URL names answer")
    assert examine_sentinels(RedisAddress.of("redis://127.0.0.1:1/0")) == []


def test_the_rights_of_our_user_are_checked_at_the_primary(guarded: SentinelGroup) -> None:
    url = guarded.url(3, "app", _ODD, sentinel_password=_WATCHED)
    assert access.worker_problems(StoreSettings(store_url=url, broker_url=url)) == []
    [problem] = access.worker_problems(StoreSettings(store_url=guarded.url(3, "app", _ODD), broker_url="amqp://127.0.0.1:1//"))
    assert "no sentinel lets us ask for the primary" in str(problem)


def test_the_first_sentinel_may_be_away(standing_group: SentinelGroup) -> None:
    with store_clients(standing_group.url().replace("sentinel://", f"sentinel://127.0.0.1:{free_port()},")) as writes:
        for write in writes.values():
            write()


def test_all_of_it_works_by_tls_and_certificates_count(tmp_path: Path) -> None:
    installed_or_skipped()
    authority = Authority.made(tmp_path / "ca")
    shown = authority.signs("server", "IP:127.0.0.1")
    files = (
        f"tls-cert-file {shown.cert}",
        f"tls-key-file {shown.key}",
        f"tls-ca-cert-file {authority.ca}",
        "tls-auth-clients no",
    )
    client = {"ssl": True, "ssl_ca_certs": str(authority.ca)}
    special = Special(binary="redis-server", tls=files, login=client, sentinel_login=client)
    with running_sentinels(tmp_path / "group", special) as group:
        with store_clients(group.url(3, tls="true", ssl_ca_certs=str(authority.ca))) as writes:
            for write in writes.values():
                write()
        assert "is not signed by an authority that this host trusts" in why(group.url(3, tls="true"))
        assert "no sentinel answers" in why(group.url(3))


def ports(redis: StoreRedis) -> set[int]:
    """Where several connections of the pool lead to that are taken out at once."""
    pool: Any = redis.connection_pool
    taken = [pool.get_connection() for _ in range(4)]
    for connection in taken:
        pool.release(connection)
    return {connection.port for connection in taken}


def worked(write: Write) -> bool:
    """Whether a write that may fail once, and is then done another way, is done this way."""
    try:
        write()
    except BrokerUnavailable:
        return False
    return True


def why(url: str) -> str:
    """Why the store is unavailable."""
    with open_store(StoreAddress(url), 1) as redis, pytest.raises(StoreUnavailable) as caught, store_answers():
        redis.ping()
    return str(caught.value)

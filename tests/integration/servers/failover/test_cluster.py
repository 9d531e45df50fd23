"""The store by cluster://: the node with our keys is found, and found again when they move or it dies."""

import pytest
from redis.exceptions import RedisError

from smsrelay.servers.redis_errors import why_unavailable
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreUnavailable, open_store, store_answers
from smsrelay_worker.local.stack import free_port
from tests.support.redis_cluster import RedisCluster
from tests.support.store_clients import COUNTER, Write, store_clients
from tests.support.waiting import eventually


def test_all_keys_are_at_one_node_wherever_it_is_and_whatever_becomes_of_it(cluster: RedisCluster) -> None:
    with store_clients(cluster.url, pipelined=False) as writes:
        assert [write() for write in writes.values()] == [1, 2]
        assert cluster.owner.ask("GET", COUNTER) == "2"
        cluster.fail_over()  # open connections are told MOVED
        assert sorted(eventually_written(write) for write in writes.values()) == [3, 4]
        cluster.owner.kill()
        assert sorted(eventually_written(write) for write in writes.values()) == [5, 6]
        assert cluster.owner.ask("GET", COUNTER) == "6"


def test_by_redis_a_node_of_a_cluster_says_how_to_name_it(cluster: RedisCluster) -> None:
    other = next(node for node in cluster.nodes[:3] if node is not cluster.owner and node.ask("PING"))
    with other.client() as client, pytest.raises(RedisError) as caught:
        client.get(COUNTER)
    assert "name the store by cluster://" in str(why_unavailable(caught.value))


def test_a_server_that_is_no_cluster_is_said_to_be_none(valkey_server: str) -> None:
    assert (
        why(valkey_server.replace("redis://", "cluster://")) == "the store did not answer (the servers there are not a cluster)"
    )


def test_a_cluster_that_is_away_is_said_to_be_away() -> None:
    assert why(f"cluster://127.0.0.1:{free_port()}") == "the store did not answer (no node of the cluster answers)"


def why(url: str) -> str:
    """Why the store is unavailable."""
    with open_store(StoreAddress(url), 1) as redis, pytest.raises(StoreUnavailable) as caught, store_answers():
        redis.ping()
    return str(caught.value)


def eventually_written(write: Write) -> int:
    """What a write returns, once it is one: while slots move, the store is unavailable."""
    return int(eventually(lambda: written(write), "the store takes writes again"))


def written(write: Write) -> int:
    try:
        return int(write())
    except StoreUnavailable:
        return 0

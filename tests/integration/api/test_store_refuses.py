"""A store that answers but takes no writes: the API says so, and recovers by itself."""

from collections.abc import Iterator
from typing import Any

import pytest

from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import open_store
from smsrelay_worker.local.stack import free_port
from tests.integration.api.conftest import environment
from tests.support.api_process import Api, a_job, a_key, running_api
from tests.support.valkey import running_valkey


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Any]]:
    """An API with a server of its own, which a test may set up as it likes."""
    folder = tmp_path_factory.mktemp("refuses")
    with (
        running_valkey(free_port(), folder) as server,
        open_store(StoreAddress(server)) as redis,
        running_api(environment(f"{server}/0"), folder / "api.log") as api,
    ):
        yield api, redis


@pytest.mark.parametrize(
    ("refuse", "accept"),
    [
        (("CONFIG SET", "maxmemory", "1"), ("CONFIG SET", "maxmemory", "0")),
        (("CONFIG SET", "min-replicas-to-write", "1"), ("CONFIG SET", "min-replicas-to-write", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    ],
    ids=["full", "without its replicas", "a replica itself"],
)
def test_the_api_is_not_ready_while_the_store_would_refuse_a_job(
    own: tuple[Api, Any], refuse: tuple[str, ...], accept: tuple[str, ...]
) -> None:
    api, redis = own
    key = a_key(redis)
    assert api.post("/v1/messages", key, a_job()).status_code == 202
    before = redis.zrange("{sms}:agenda", 0, -1)
    redis.execute_command(*refuse)
    try:
        for answer in (api.post("/v1/messages", key, a_job()), api.get("/readyz")):
            assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "2")
    finally:
        redis.execute_command(*accept)
    assert api.get("/readyz").status_code == 200
    assert redis.zrange("{sms}:agenda", 0, -1) == before
    assert api.post("/v1/messages", key, a_job()).status_code == 202

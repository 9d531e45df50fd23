"""One real Valkey server for the whole run, empty at the start of every test."""

from collections.abc import Iterator

import pytest
from redis import Redis

from smsrelay.enqueue import Enqueuer
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.records import Records
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.store.counts import Counts
from smsrelay_worker.store.parked_reports import ParkedReports
from smsrelay_worker.store.undecodable import UndecodableTasks
from tests.support.messages import RETENTION, enqueuer
from tests.support.replicated_valkey import Replicated, replicated_valkey
from tests.support.valkey import running_valkey


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of the run: its URL without a database number."""
    with running_valkey(free_port(), tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
def valkey_url(valkey_server: str) -> str:
    """The URL of an empty database."""
    url = f"{valkey_server}/0"
    with Redis.from_url(url) as client:
        client.flushall()
    return url


@pytest.fixture(scope="session")
def replicated_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    """A server with two replicas for the run."""
    with replicated_valkey(tmp_path_factory.mktemp("replicated")) as replicated:
        yield replicated


@pytest.fixture
def replicated(replicated_servers: Replicated) -> Iterator[Replicated]:
    """The same, empty, its replicas in step; a test may freeze them."""
    replicated_servers.empty()
    yield replicated_servers
    replicated_servers.thaw()


@pytest.fixture
def redis(valkey_url: str) -> Iterator[StoreRedis]:
    """A client of the same database, answering in text."""
    with open_store(StoreAddress(valkey_url)) as client:
        yield client


@pytest.fixture
def store(redis: StoreRedis) -> Records:
    """The records in it."""
    return Records(redis, RETENTION)


@pytest.fixture
def counts(redis: StoreRedis) -> Counts:
    """What waits in it."""
    return Counts(redis)


@pytest.fixture
def parked(redis: StoreRedis) -> ParkedReports:
    """Reports that came too early."""
    return ParkedReports(redis, RETENTION)


@pytest.fixture
def undecodable(redis: StoreRedis) -> UndecodableTasks:
    """Tasks that could not be read."""
    return UndecodableTasks(redis, RETENTION)


@pytest.fixture
def door(redis: StoreRedis, valkey_url: str) -> Iterator[Enqueuer]:
    """An app's way in, with the same server as broker."""
    with enqueuer(redis, valkey_url) as opened:
        yield opened


@pytest.fixture
def closed_port() -> int:
    """A port at which nobody answers."""
    return free_port()

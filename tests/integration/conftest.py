"""One real Valkey server for the whole run, empty at the start of every test."""

from collections.abc import Iterator

import pytest
from redis import Redis

from smsrelay.enqueue import Enqueuer
from smsrelay.store.records import Records
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.store.counts import Counts
from smsrelay_worker.store.parked_reports import ParkedReports
from smsrelay_worker.store.undecodable import UndecodableTasks
from tests.support.messages import RETENTION, enqueuer
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


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Redis]:
    """A client of the same database, answering in text."""
    with Redis.from_url(valkey_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def store(redis: Redis) -> Records:
    """The records in it."""
    return Records(redis, RETENTION)


@pytest.fixture
def counts(redis: Redis) -> Counts:
    """What waits in it."""
    return Counts(redis)


@pytest.fixture
def parked(redis: Redis) -> ParkedReports:
    """Reports that came too early."""
    return ParkedReports(redis, RETENTION)


@pytest.fixture
def undecodable(redis: Redis) -> UndecodableTasks:
    """Tasks that could not be read."""
    return UndecodableTasks(redis, RETENTION)


@pytest.fixture
def door(redis: Redis, valkey_url: str) -> Iterator[Enqueuer]:
    """An app's way in, with the same server as broker."""
    with enqueuer(redis, valkey_url) as opened:
        yield opened


@pytest.fixture
def closed_port() -> int:
    """A port at which nobody answers."""
    return free_port()

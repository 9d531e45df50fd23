"""Groups of servers, each shared by the tests of a file: they take seconds to come up."""

from collections.abc import Iterator

import pytest

from tests.support.redis_cluster import RedisCluster, running_cluster
from tests.support.sentinels import SentinelGroup, running_sentinels


@pytest.fixture(scope="module")
def standing_group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelGroup]:
    """One whose primary is never touched."""
    with running_sentinels(tmp_path_factory.mktemp("sentinels")) as group:
        yield group


@pytest.fixture(scope="module")
def shared_group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelGroup]:
    """One in which each test may take down the primary."""
    with running_sentinels(tmp_path_factory.mktemp("sentinels")) as group:
        yield group


@pytest.fixture
def group(shared_group: SentinelGroup) -> SentinelGroup:
    """The same, complete again and empty."""
    shared_group.restore()
    shared_group.primary.ask("FLUSHALL")
    return shared_group


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster of three nodes and a follower."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running

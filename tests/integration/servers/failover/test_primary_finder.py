"""What is found, and what it costs, when some sentinels hang, or none answers any more."""

import asyncio
import time
from collections.abc import Callable

import pytest

from smsrelay.servers.failover.cluster import Cluster
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.primary import PrimaryFinder
from smsrelay.servers.failover.primary_unknown import PrimaryUnknown
from smsrelay.servers.failover.sentinels import Sentinels
from smsrelay_worker.local.stack import free_port
from tests.support.resp_server import answering, array
from tests.support.silent_server import silent_server

OLD, NEW = Place("127.0.0.1", 1), Place("127.0.0.1", 2)
ALONE = "-NOQUORUM 1 usable Sentinels. Not enough available\r\n"

Find = Callable[[PrimaryFinder], Place]
WAYS: dict[str, Find] = {"threads": PrimaryFinder.find, "loop": lambda finder: asyncio.run(finder.find_async())}


@pytest.fixture(params=list(WAYS))
def find(request: pytest.FixtureRequest) -> Find:
    return WAYS[request.param]


def knows(primary: Place, epoch: int, quorum: str = "+OK 3 usable Sentinels.\r\n") -> dict[str, str]:
    """The answers of a sentinel."""
    return {
        "SENTINEL GET-MASTER-ADDR-BY-NAME": array(primary.host, str(primary.port)),
        "SENTINEL MASTER": array("ip", primary.host, "port", str(primary.port), "config-epoch", str(epoch)),
        "SENTINEL CKQUORUM": quorum,
    }


def owned_by(port: int) -> dict[str, str]:
    """The answer of a node of a cluster whose slots are all at one node."""
    return {"CLUSTER": f"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n"}


def finder_of(*ports: int) -> PrimaryFinder:
    return PrimaryFinder(Sentinels(tuple(Place("127.0.0.1", port) for port in ports), "relay"))


def seconds(find: Find, finder: PrimaryFinder) -> float:
    began = time.monotonic()
    find(finder)
    return time.monotonic() - began


def test_those_that_hang_beside_one_that_is_cut_off_are_not_asked_each_time(find: Find) -> None:
    with answering(knows(OLD, 0, ALONE)) as alone, silent_server() as silent, silent_server() as another:
        finder = finder_of(alone, silent, another)
        all_asked = seconds(find, finder)
        assert all_asked > 1  # half a second each
        assert seconds(find, finder) < all_asked / 2
        assert finder.current == OLD
        finder.doubt(OLD)
        assert seconds(find, finder) > 1


def test_one_that_is_cut_off_is_not_believed_beside_one_that_is_not(find: Find) -> None:
    with answering(knows(OLD, 0, ALONE)) as alone, silent_server() as silent, answering(knows(NEW, 1)) as other:
        finder = finder_of(alone, silent, other)
        assert find(finder) == NEW
        assert seconds(find, finder) < 0.5  # it is asked first now


def test_while_none_answers_the_last_known_primary_is_found(find: Find) -> None:
    with answering(knows(NEW, 3)) as sentinel:
        finder, late = finder_of(sentinel, free_port()), finder_of(free_port(), free_port())
        assert find(finder) == NEW
    assert find(finder) == NEW
    with pytest.raises(PrimaryUnknown, match="no sentinel answers"):
        find(late)


def test_a_cluster_is_followed_when_every_node_that_was_named_has_been_replaced(find: Find) -> None:
    with answering(owned_by(NEW.port)) as second:
        with answering(owned_by(second)) as first:
            finder = PrimaryFinder(Cluster((Place("127.0.0.1", first),), prefix="{sms}"))
            assert find(finder) == Place("127.0.0.1", second)
        assert find(finder) == NEW

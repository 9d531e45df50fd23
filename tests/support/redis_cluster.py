"""A cluster of three nodes on this machine, and one more that follows the node with the relay's keys.

Takes a folder; gives a ``RedisCluster`` in which every slot is served. Everything ends with the context.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from smsrelay.servers.store_address import DEFAULT_PREFIX
from smsrelay_worker.local.stack import free_port
from tests.support.redis_node import DURABLE, RedisNode
from tests.support.waiting import eventually

_TIMEOUT = 1000  # ms of silence after which the others take a node for failed
_HOST = "127.0.0.1"


class RedisCluster:
    """``nodes``: three that share the slots, then the follower."""

    def __init__(self, nodes: list[RedisNode], prefix: str) -> None:
        self.nodes = nodes
        self.slot = key_slot(prefix.encode())

    @property
    def url(self) -> str:
        """The URL of the cluster as a setting names it."""
        return "cluster://" + ",".join(f"{_HOST}:{node.port}" for node in self.nodes[:3]) + "/"

    @property
    def owner(self) -> RedisNode:
        """The node with the relay's keys, according to every node that answers."""
        return eventually(self._agreed, "the nodes agree on who has the keys")  # type: ignore[no-any-return]

    def fail_over(self) -> None:
        """Let the follower take over from a node that lives on."""
        old = self.owner
        follower = next(node for node in self.nodes if "slave" in str(_role(node)))
        follower.ask("CLUSTER", "FAILOVER")
        eventually(lambda: self.owner is not old, "the follower has taken over")

    def _agreed(self) -> RedisNode | None:
        told = {port for node in self.nodes if (port := self._owner_says(node)) is not None}
        owners = [node for node in self.nodes if {node.port} == told]
        return owners[0] if owners and "cluster_state:ok" in str(owners[0].ask("CLUSTER", "INFO")) else None

    def _owner_says(self, node: RedisNode) -> int | None:
        for first, last, (_, port, *_), *_ in node.ask("CLUSTER", "SLOTS") or ():
            if first <= self.slot <= last:
                return int(port)
        return None


@contextmanager
def running_cluster(folder: Path, prefix: str = DEFAULT_PREFIX) -> Iterator[RedisCluster]:
    """Start one."""
    nodes = [RedisNode(folder / f"node{number}", free_port(), host=_HOST) for number in range(4)]
    bus = [free_port() for _ in nodes]
    try:
        for node, port in zip(nodes, bus, strict=True):
            clustered = ("cluster-enabled yes", f"cluster-node-timeout {_TIMEOUT}", f"cluster-port {port}")
            node.start(f"bind {_HOST}", f"port {node.port}", *DURABLE, *clustered)
        for node in nodes:
            eventually(lambda node=node: node.ask("PING"), "the node answers")
        cluster = RedisCluster(nodes, prefix)
        _form(cluster, bus)
        yield cluster
    finally:
        for node in nodes:
            node.kill()


def _form(cluster: RedisCluster, bus: list[int]) -> None:
    first, *others = cluster.nodes
    for node, port in zip(others, bus[1:], strict=True):
        first.ask("CLUSTER", "MEET", _HOST, node.port, port)
    share = REDIS_CLUSTER_HASH_SLOTS // 3 + 1
    for number, node in enumerate(cluster.nodes[:3]):
        last = min((number + 1) * share, REDIS_CLUSTER_HASH_SLOTS) - 1
        assert node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, last)
    owner, follower = cluster.nodes[cluster.slot // share], cluster.nodes[3]
    name = owner.ask("CLUSTER", "MYID")
    eventually(lambda: follower.ask("CLUSTER", "REPLICATE", name), "the follower follows")
    assert cluster.owner is owner
    eventually(lambda: owner.ask("ROLE")[2], "the follower is in step")


def _role(node: RedisNode) -> str:
    role = node.ask("ROLE")
    return role[0] if role else ""

"""Three RabbitMQ nodes joined into one cluster: each a ``RabbitMQ`` of its own, so that each is stopped, killed or frozen alone.

Takes a folder; the nodes and their port mapper end with the context. Fails if they do not join.
"""

import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smsrelay_worker.local.stack import free_port
from tests.support.rabbitmq import RabbitMQ, installed_or_skipped
from tests.support.waiting import eventually

NOTICES_SILENCE = "net_ticktime = 8\n"  # seconds until nodes give up a silent one, and its queues; by default a minute
_JOINED = 120.0  # seconds until all nodes see each other


@dataclass(frozen=True)
class RabbitMQCluster:
    """Its nodes; the first is the one that the others joined."""

    nodes: tuple[RabbitMQ, ...]

    @property
    def url(self) -> str:
        """Every node, as SMSRELAY_BROKER_URL names them."""
        return ";".join(node.url for node in self.nodes)

    def leader(self, queue: str) -> RabbitMQ:
        """The node that leads a quorum queue."""
        return eventually(lambda: self._leader(queue), f"{queue} has a leader", _JOINED)

    def members(self, queue: str) -> int:
        """How many nodes have a copy of a quorum queue."""
        return len(self._queues("name", "members").get(queue, ()))

    def others(self, node: RabbitMQ) -> tuple[RabbitMQ, ...]:
        return tuple(one for one in self.nodes if one is not node)

    def url_from(self, first: RabbitMQ) -> str:
        """Every node, this one first."""
        return ";".join(node.url for node in (first, *self.others(first)))

    def _leader(self, queue: str) -> RabbitMQ | None:
        name = self._queues("name", "leader").get(queue)
        return next((node for node in self.nodes if node.name == name), None)

    def _queues(self, *columns: str) -> dict[str, object]:
        """The last column of each queue, by its name, as a node says that is up."""
        for node in self.nodes:
            if node.answers():
                told = json.loads(node.control("list_queues", "--formatter", "json", *columns) or "[]")
                return {row["name"]: row[columns[-1]] for row in told}
        raise RuntimeError("no node of the RabbitMQ cluster answers")


@contextlib.contextmanager
def running_cluster(folder: Path, size: int = 3, more: str = "") -> Iterator[RabbitMQCluster]:
    """Start the nodes and join them; ``more`` are lines of each one's configuration."""
    installed_or_skipped()
    mapper, cookie = free_port(), secrets.token_hex(16)
    nodes = tuple(RabbitMQ(folder / f"node{number}", more=NOTICES_SILENCE + more, _epmd=mapper) for number in range(1, size + 1))
    for node in nodes:
        share_cookie(node, cookie)
    with contextlib.ExitStack() as up:
        for node in nodes:
            up.callback(node.close)
        first, *others = nodes
        first.start()
        for node in others:
            node.start()
            join(node, first)
        cluster = RabbitMQCluster(nodes)
        eventually(lambda: _sees(first, size), "all nodes are in the cluster", _JOINED)
        yield cluster


def share_cookie(node: RabbitMQ, cookie: str) -> None:
    """Give a node its cookie before it starts; nodes talk only to those that have the same."""
    node.folder.mkdir(parents=True, exist_ok=True)
    file = node.folder / ".erlang.cookie"
    file.write_text(cookie, encoding="ascii")
    file.chmod(0o400)


def join(node: RabbitMQ, first: RabbitMQ) -> None:
    """Make a running node, which forgets what it had, a member of the first one's cluster."""
    for command in (["stop_app"], ["reset"], ["join_cluster", first.name], ["start_app"]):
        node.control(*command)
    eventually(node.answers, "the node that joined answers", _JOINED)


def _sees(node: RabbitMQ, size: int) -> bool:
    status = json.loads(node.control("cluster_status", "--formatter", "json"))
    return len(status["running_nodes"]) == size

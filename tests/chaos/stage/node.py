"""RabbitMQ as the broker of a run, one node or a cluster: parts that faults can break, and a count of the tasks left in it.

Takes a folder and how many nodes; gives their parts and ports, and counts of tasks read from a node directly, bypassing the
proxy. Where none answers, or a queue has no leader yet, that counts as one task, so that a broker is never mistaken for empty.
The nodes of a cluster are joined before anybody declares a queue: one that is declared earlier has one member for good. Raises
``RuntimeError`` when RabbitMQ is not installed and cannot be.
"""

import secrets
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from smsrelay.broker.queues import QUEUES
from smsrelay_worker.local.stack import free_port
from tests.chaos.stage.part import Part
from tests.support.rabbitmq import RabbitMQ, installed
from tests.support.rabbitmq_cluster import join, share_cookie

# Ask each queue's leader: RabbitMQ's own listing is seconds old, and says 0 while a queue has no leader.
_TASKS = (
    "lists:sum([begin {ok, {_, Tasks}, _} = ra:leader_query(amqqueue:get_pid(Queue), fun rabbit_fifo:query_messages_total/1),"
    " Tasks end || Queue <- rabbit_amqqueue:list(), amqqueue:get_type(Queue) =:= rabbit_quorum_queue])."
)
_LEADERS = (
    "[element(2, amqqueue:get_pid(Queue)) || Queue <- rabbit_amqqueue:list(), amqqueue:get_type(Queue) =:= rabbit_quorum_queue]."
)
_MEMBERS = (
    "lists:min([length(maps:get(nodes, amqqueue:get_type_state(Queue)))"
    " || Queue <- rabbit_amqqueue:list(), amqqueue:get_type(Queue) =:= rabbit_quorum_queue])."
)
_START = 120.0  # seconds
_ANSWER = 10.0  # seconds a node may take to say who leads; one that is frozen never does


class Node:
    """RabbitMQ, bypassing the proxy."""

    def __init__(self, folder: Path, nodes: int = 1) -> None:
        if not installed():
            raise RuntimeError("RabbitMQ is not installed and cannot be; install rabbitmq-server")
        mapper = free_port()
        names = ["rabbitmq"] if nodes == 1 else [f"rabbitmq{place}" for place in range(1, nodes + 1)]
        self._nodes = [RabbitMQ(folder / name, _epmd=mapper) for name in names]
        self.parts = [
            Part(name, node.command, node.environment, folder, group=True) for name, node in zip(names, self._nodes, strict=True)
        ]

    @property
    def ports(self) -> list[int]:
        """The ports they listen on."""
        return [node.port for node in self._nodes]

    def start(self) -> None:
        """Start and join them; returns when all answer."""
        cookie = secrets.token_hex(16)
        for node, part in zip(self._nodes, self.parts, strict=True):
            if len(self._nodes) > 1:
                share_cookie(node, cookie)
            node.prepare()
            part.start()
        self.wait()
        first, *others = self._nodes
        for node in others:
            join(node, first)

    def wait(self) -> None:
        """Until all answer; raises ``RuntimeError`` when they do not."""
        until = time.monotonic() + _START
        while not all(node.answers() for node in self._nodes):
            if time.monotonic() > until:
                raise RuntimeError("RabbitMQ did not come up")
            time.sleep(0.1)

    def end(self) -> None:
        """End them, and what they were started with."""
        for node, part in zip(self._nodes, self.parts, strict=True):
            part.end()
            node.close()

    def declared(self) -> bool:
        """Whether every queue has been declared."""
        return set(QUEUES) <= set(self._nodes[0].control("list_queues", "--no-table-headers", "name").split())

    def members(self) -> int:
        """How many nodes have a copy of each queue, at least."""
        return int(self._nodes[0].control("eval", _MEMBERS))

    def settle(self) -> None:
        """Have each persist its queue list: queues declared just before a kill would lose their leaders."""
        for node in self._nodes:
            node.settle()

    def queued(self) -> int:
        """Tasks queued or in progress."""
        try:
            return int(self._nodes[0].control("eval", _TASKS))
        except subprocess.CalledProcessError:
            return 1

    def leader(self) -> Part:
        """The node that leads most queues, as one of them says; the first one while none says it."""
        said = next((text for text in map(self._leaders, range(len(self._nodes))) if text), "")
        counts = [said.count(f"{node.name}'") + said.count(f"{node.name},") for node in self._nodes]
        return self.parts[counts.index(max(counts))]

    def version(self) -> str:
        """The server's version."""
        return self._nodes[0].control("version").strip()

    def _leaders(self, place: int) -> str:
        if not self.parts[place].alive:
            return ""
        try:
            return self._nodes[place].control("--timeout", f"{_ANSWER:g}", "eval", _LEADERS)
        except subprocess.CalledProcessError:
            return ""


def rabbitmq_url(ports: Sequence[int]) -> str:
    """The URL of all nodes, or of the ways to them."""
    return ";".join(f"amqp://guest:guest@127.0.0.1:{port}//" for port in ports)

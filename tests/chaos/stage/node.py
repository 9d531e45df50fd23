"""The RabbitMQ node of a run that uses RabbitMQ as its broker: a part that faults can break, and a count of the tasks left in it.

Takes a folder; gives the part, its port, and task counts read from the node directly, bypassing the proxy. A node that does not
answer, or whose queues have no leader yet, counts as one task, so that it is never mistaken for empty. Raises ``RuntimeError``
when RabbitMQ is not installed and cannot be.
"""

import subprocess
from pathlib import Path

from smsrelay.broker.queues import QUEUES
from tests.chaos.stage.part import Part
from tests.support.rabbitmq import RabbitMQ, installed

# Ask each queue's leader: RabbitMQ's own listing is seconds old, and says 0 while a queue has no leader.
_TASKS = (
    "lists:sum([begin {ok, {_, Tasks}, _} = ra:leader_query(amqqueue:get_pid(Queue), fun rabbit_fifo:query_messages_total/1),"
    " Tasks end || Queue <- rabbit_amqqueue:list(), amqqueue:get_type(Queue) =:= rabbit_quorum_queue])."
)


class Node:
    """RabbitMQ, bypassing the proxy."""

    def __init__(self, folder: Path) -> None:
        if not installed():
            raise RuntimeError("RabbitMQ is not installed and cannot be; install rabbitmq-server")
        self._rabbitmq = RabbitMQ(folder / "rabbitmq")
        self.part = Part("rabbitmq", self._rabbitmq.command, self._rabbitmq.environment, folder, group=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._rabbitmq.port

    def start(self) -> None:
        """Start it; it takes some seconds to answer."""
        self._rabbitmq.prepare()
        self.part.start()

    def end(self) -> None:
        """End it, and what it was started with."""
        self.part.end()
        self._rabbitmq.close()

    def answers(self) -> bool:
        """Whether it accepts connections."""
        return self._rabbitmq.answers()

    def declared(self) -> bool:
        """Whether every queue has been declared."""
        return set(QUEUES) <= set(self._rabbitmq.control("list_queues", "--no-table-headers", "name").split())

    def settle(self) -> None:
        """Have it persist its queue list: queues declared just before a kill would lose their leaders."""
        self._rabbitmq.settle()

    def queued(self) -> int:
        """Tasks queued or in progress."""
        try:
            return int(self._rabbitmq.control("eval", _TASKS))
        except subprocess.CalledProcessError:
            return 1

    def version(self) -> str:
        """The server's version."""
        return self._rabbitmq.control("version").strip()


def rabbitmq_url(port: int) -> str:
    """The URL of a node, or of the way to it."""
    return f"amqp://guest:guest@127.0.0.1:{port}//"

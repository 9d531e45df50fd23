"""The RabbitMQ node of a run that uses RabbitMQ as its broker: a part that faults can break, and a count of the tasks left in it.

Takes a folder; gives the part, its port, and task counts read from the node directly, bypassing the proxy. A node that does not
answer, or whose queues have no leader yet, counts as one task, so that it is never mistaken for empty. Raises ``RuntimeError``
when RabbitMQ is not installed and cannot be.
"""

import subprocess
from pathlib import Path

from smsrelay.broker.queues import QUEUES
from tests.chaos.part import Part
from tests.support.rabbitmq import RabbitMQ, installed

# Asked of each queue's leader: what RabbitMQ lists of a queue is seconds old, and 0 while the queue has no leader.
_TASKS = (
    "lists:sum([begin {ok, {_, Tasks}, _} = ra:leader_query(amqqueue:get_pid(Queue), fun rabbit_fifo:query_messages_total/1),"
    " Tasks end || Queue <- rabbit_amqqueue:list(), amqqueue:get_type(Queue) =:= rabbit_quorum_queue])."
)


class Node:
    """RabbitMQ, past the proxy."""

    def __init__(self, folder: Path) -> None:
        if not installed():
            raise RuntimeError("RabbitMQ is not installed and cannot be; install rabbitmq-server")
        self._rabbitmq = RabbitMQ(folder / "rabbitmq")
        self.part = Part("rabbitmq", self._rabbitmq.command, self._rabbitmq.environment, folder, group=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._rabbitmq.port

    def start(self) -> None:
        """Start it; it answers some seconds later."""
        self._rabbitmq.prepare()
        self.part.start()

    def end(self) -> None:
        """End it, and what it was started with."""
        self.part.end()
        self._rabbitmq.close()

    def answers(self) -> bool:
        """Whether it takes connections."""
        return self._rabbitmq.answers()

    def declared(self) -> bool:
        """Whether somebody has declared every queue."""
        return set(QUEUES) <= set(self._rabbitmq.control("list_queues", "--no-table-headers", "name").split())

    def settle(self) -> None:
        """Have it write down which queues there are: a kill right after their declaration would cost them their leaders."""
        self._rabbitmq.settle()

    def queued(self) -> int:
        """Tasks that wait or are in somebody's hands."""
        try:
            return int(self._rabbitmq.control("eval", _TASKS))
        except subprocess.CalledProcessError:
            return 1

    def version(self) -> str:
        """Of the server."""
        return self._rabbitmq.control("version").strip()

"""RabbitMQConnector: connects pooled connections to a node that answers, and away from one that has failed.

A node that fails one connection is left by all of them, so that it costs its time limit once and not for every connection.
"""

from typing import Any
from weakref import WeakKeyDictionary

from kombu.exceptions import KombuError

from smsrelay.broker.rabbitmq_nodes import RabbitMQNodes
from smsrelay.servers.time_limit import time_left

_CONNECT = 3.0  # seconds to wait for a node


class RabbitMQConnector:
    """For all connections of a pool; each is used by one thread at a time."""

    def __init__(self, nodes: RabbitMQNodes) -> None:
        self._nodes = nodes
        self._connected: WeakKeyDictionary[Any, tuple[str, int]] = WeakKeyDictionary()  # to a node that had failed so often

    def connect(self, connection: Any) -> None:
        """Connect, unless it is connected already and its node has not failed since. Raises why the last node did not answer."""
        node, failures = self._connected.get(connection, ("", 0))
        if connection.connected and self._nodes.failures(node) == failures:
            return
        connection.collect()  # closing it in order would wait for a RabbitMQ that may not listen
        nodes = self._nodes.in_order
        for tried, each in enumerate(nodes, 1):
            try:
                self._connect_to(each, connection, 1 + len(nodes) - tried)
            except (KombuError, *connection.connection_errors):
                self._nodes.failed(each)
                if tried == len(nodes):
                    raise
            else:
                return

    def failed(self, connection: Any) -> None:
        """Something failed on it: it is closed, and its node is tried last from now on."""
        connection.collect()
        node, failures = self._connected.pop(connection, ("", 0))
        if node and self._nodes.failures(node) == failures:  # else another connection has said so already
            self._nodes.failed(node)

    def _connect_to(self, node: str, connection: Any, left_to_try: int) -> None:
        failures = self._nodes.failures(node)
        connection.switch(node)
        connection.connect_timeout = _connect_timeout(left_to_try)
        connection.ensure_connection(max_retries=0)
        self._nodes.answered(node)
        self._connected[connection] = (node, failures)


def _connect_timeout(left_to_try: int) -> float:
    """Seconds for one node; amqp allows them twice: to connect, and to be answered."""
    left = time_left(None)
    return _CONNECT if left is None else min(_CONNECT, left / (2 * left_to_try))

"""Checks the nodes of a RabbitMQ cluster, where the broker's URL names several.

Takes the broker's URL, returns findings. Declares a queue on each node, as a worker does, and publishes nothing.
"""

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.servers.broker_address import broker_address
from smsrelay.servers.time_limit import time_limit
from smsrelay_worker.operations.doctor.finding import Finding, note, warning
from smsrelay_worker.operations.doctor.kind import Kind

_PATIENCE = 5.0  # seconds for each node


def examine_nodes(broker_url: str) -> list[Finding]:
    """Nodes that do not answer, and what cannot be seen from here; nothing for a single node."""
    nodes = broker_address(broker_url).kombu_url.split(";")
    if len(nodes) == 1:
        return []
    problems = [(number, _problem(node)) for number, node in enumerate(nodes, 1)]
    return [*(_unavailable(number, problem) for number, problem in problems if problem), _members()]


def _problem(node: str) -> str:
    """Why a node is of no use; empty when it is."""
    with Publisher(node, 1) as publisher, time_limit(_PATIENCE):
        try:
            publisher.look()
        except BrokerUnavailable as problem:
            return str(problem).removeprefix("the broker ")
    return ""


def _unavailable(number: int, problem: str) -> Finding:
    return warning("broker", Kind.RABBITMQ_NODE_DOWN, number=number, reason=problem)


def _members() -> Finding:
    return note("broker", Kind.RABBITMQ_COPIES_UNKNOWN)

"""RabbitMQNodes: the nodes of a RabbitMQ, in the order in which to try them: one that answered first, one that failed last.

Takes kombu's URLs, joined by ``;``. May be shared between threads. Without it every connection would begin with the first node of
the URL, and a node that takes connections and says nothing would cost each of them its time limit.
"""

from collections import Counter
from typing import Self


class RabbitMQNodes:
    """Also the iterator that kombu takes as the ``cycle`` of a connection: the current node has failed, which one is next?"""

    def __init__(self, kombu_url: str) -> None:
        self._order = tuple(kombu_url.split(";"))
        self._failures: Counter[str] = Counter()

    @property
    def in_order(self) -> tuple[str, ...]:
        """The URL of each node, the one to try first in front."""
        return self._order

    @property
    def first(self) -> str:
        """The URL of the node to try first."""
        return self._order[0]

    def failures(self, node: str) -> int:
        """How often a node has failed; a connection from before its last failure is of no use."""
        return self._failures[node]

    def failed(self, node: str) -> None:
        """A node did not answer, or cut a connection: it is the last to be tried again."""
        self._failures[node] += 1
        self._order = (*(one for one in self._order if one != node), node)

    def answered(self, node: str) -> None:
        """A node answered: it is the first to be tried."""
        if node != self.first:
            self._order = (node, *(one for one in self._order if one != node))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        self.failed(self.first)
        return self.first

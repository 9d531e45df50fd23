"""Cluster: the nodes that are asked which of them has the slot of our keys, and how to log in to them.

All keys of a relay begin with one prefix, whose hash tag puts them into one slot, so that one node has them all. Raises
``ValueError``, which does not quote the URL.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from redis.crc import key_slot

from smsrelay.servers.failover.answer import Answer
from smsrelay.servers.failover.place import Place
from smsrelay.servers.tls import Tls
from smsrelay.servers.url import ServerUrl

_PORT = 6379
_SAME_HOST = {None, "", "?"}  # a node that does not know its own name


@dataclass(frozen=True, slots=True)
class Cluster:
    """``prefix``: what all keys begin with."""

    servers: tuple[Place, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    prefix: str = ""

    @classmethod
    def of(cls, nodes: Sequence[ServerUrl], tls: Tls | None, prefix: str) -> Self:
        """From the URL of each."""
        return cls(tuple(Place.of(node, _PORT) for node in nodes), nodes[0].user, nodes[0].password, tls, prefix)

    @property
    def questions(self) -> tuple[tuple[str, ...], ...]:
        """The command that asks one which node has which slots."""
        return (("CLUSTER", "SLOTS"),)

    def answer(self, replies: Sequence[Any], asked: Place) -> Answer | None:
        """The node that has our slot, according to the one that was asked. A node that sees too few others serves nobody."""
        slot = key_slot(self.prefix.encode())
        for first, last, (host, port, *_), *_replicas in replies[0]:
            if first <= slot <= last:
                return Answer(Place(asked.host if host in _SAME_HOST else str(host), int(port)))
        return None

    @property
    def primary_answers(self) -> bool:
        """Whether the primary itself can be asked: the nodes that the URL names may all have been replaced since."""
        return True

    @property
    def called(self) -> str:
        """What they are called in a sentence about all of them."""
        return "node of the cluster"

    @property
    def none_known(self) -> str:
        """Why none of those that answered names a node."""
        return "no node of the cluster has our keys"

    @property
    def misunderstood(self) -> str:
        """Why none of those that answered understands the question."""
        return "the servers there are not a cluster"

    @property
    def login_options(self) -> str:
        """Where user and password for them stand."""
        return "user and password of the URL"

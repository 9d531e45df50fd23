"""Sentinels: the servers that are asked where the primary of a name is, and how to log in to them.

Made from a ``sentinel://`` URL, which names them in place of the one host of a ``redis://`` URL. Raises ``ValueError``, which
does not quote the URL.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from redis.exceptions import ResponseError

from smsrelay.servers.failover.answer import Answer
from smsrelay.servers.failover.place import Place
from smsrelay.servers.tls import Tls
from smsrelay.servers.url import ServerUrl

OPTIONS = ("master", "sentinel_user", "sentinel_password")
_PORT = 26379
_NO_QUORUM = "NOQUORUM"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Sentinels:
    """``master``: the name under which they watch the primary and its replicas."""

    servers: tuple[Place, ...]
    master: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls | None = None

    @classmethod
    def of(cls, hosts: Sequence[ServerUrl], tls: Tls | None) -> Self:
        """From the URL of each."""
        options = hosts[0].options
        user, password = options.get("sentinel_user") or None, options.get("sentinel_password") or None
        if user and not password:
            raise ValueError("has sentinel_user but no sentinel_password")
        return cls(tuple(Place.of(host, _PORT) for host in hosts), _name(options), user, password, tls)

    def same_primary(self, other: "Sentinels") -> bool:
        """Whether both name one primary: a sentinel that both ask knows one of that name."""
        return self.master == other.master and not set(self.servers).isdisjoint(other.servers)

    def __json__(self) -> str:
        """What Celery's remote control shows of it, as an option of the broker's transport."""
        return self.master

    @property
    def questions(self) -> tuple[tuple[str, ...], ...]:
        """The commands that ask one where the primary is, since which failover, and whether it sees enough of the others.

        During a failover the first tells earlier than the second which server is promoted.
        """
        return (
            ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.master),
            ("SENTINEL", "MASTER", self.master),
            ("SENTINEL", "CKQUORUM", self.master),
        )

    def answer(self, replies: Sequence[Any], _asked: Place) -> Answer | None:
        """The primary that one names, if it knows any. One that may not tell us more is believed."""
        named, state, quorum = replies
        if not named:
            return None
        alone = isinstance(quorum, ResponseError) and _NO_QUORUM in str(quorum)
        return Answer(Place(str(named[0]), int(named[1])), _epoch(state), majority=not alone)

    @property
    def primary_answers(self) -> bool:
        """Whether the primary itself can be asked."""
        return False

    @property
    def called(self) -> str:
        """What they are called in a sentence about all of them."""
        return "sentinel"

    @property
    def none_known(self) -> str:
        """Why none of those that answered names a primary."""
        return f"no sentinel knows a primary named {self.master}"

    @property
    def misunderstood(self) -> str:
        """Why none of those that answered understands the question."""
        return "the servers there are not sentinels"

    @property
    def login_options(self) -> str:
        """Where user and password for them stand."""
        return "sentinel_user, sentinel_password"


def fields(state: Any) -> Mapping[str, str]:
    """What ``SENTINEL MASTER`` answers."""
    return state if isinstance(state, Mapping) else dict(zip(state[::2], state[1::2], strict=True))


def _epoch(state: Any) -> int:
    return 0 if isinstance(state, ResponseError) else int(fields(state).get("config-epoch", 0))


def _name(options: Mapping[str, str]) -> str:
    name = options.get("master", "")
    if not _NAME.fullmatch(name):
        raise ValueError("must name the primary as its sentinels do, as in sentinel://host:26379/0?master=mymaster")
    return name

"""PrimaryFinder: asks sentinels, or the nodes of a cluster, where the primary is, and remembers who knew it.

``finder`` gives the one of this process. Its lookups raise ``PrimaryUnknown``. They trust a single answer: whether the server
that it names is a primary shows when it is connected to, and ``misled`` says if it was not.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import cache

from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, RedisError, ResponseError

from smsrelay.servers.failover.asking import ask, ask_async
from smsrelay.servers.failover.cluster import Cluster
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.primary_unknown import PrimaryUnknown
from smsrelay.servers.failover.sentinels import Sentinels

_PAUSE = 0.2  # seconds between two questions
_REFRESH = 2.0  # seconds after which an answer is old
_REST = 30.0  # seconds to let them rest when none knows; a connection that is opened asks all the same
_REFUSED = (AuthenticationError, AuthorizationError, NoPermissionError)


class PrimaryFinder:
    """For any number of threads and event loops. ``current``: where the primary was last found."""

    def __init__(self, asked: Sentinels | Cluster) -> None:
        self._asked = asked
        self._servers = asked.servers  # in the order in which they are asked: first who last knew it
        self.current: Place | None = None
        self._ask_again = 0.0  # of time.monotonic()

    def refresh(self) -> None:
        """Ask again if that was a while ago: after an orderly failover the old primary still takes writes, which are lost."""
        if self._is_due():
            try:
                self.find()
            except PrimaryUnknown:
                self._ask_again = time.monotonic() + _REST

    async def refresh_async(self) -> None:
        """The same from an event loop."""
        if self._is_due():
            try:
                await self.find_async()
            except PrimaryUnknown:
                self._ask_again = time.monotonic() + _REST

    def find(self) -> Place:
        """Ask one after the other until one names the primary."""
        problems: list[Exception] = []
        for server in self._servers:
            try:
                found = self._asked.primary(ask(self._asked, server, self._asked.question), server)
            except (RedisError, OSError) as error:
                problems.append(error)
                continue
            if found is not None:
                return self._found(server, found)
        raise self._unknown(problems)

    async def find_async(self) -> Place:
        """The same from an event loop."""
        problems: list[Exception] = []
        for server in self._servers:
            try:
                found = self._asked.primary(await ask_async(self._asked, server, self._asked.question), server)
            except (RedisError, OSError) as error:
                problems.append(error)
                continue
            if found is not None:
                return self._found(server, found)
        raise self._unknown(problems)

    def find_other(self, than: Place, seconds: float) -> Place:
        """Ask for some seconds until another server is the primary; the same one again if none is."""
        until = time.monotonic() + seconds
        while (found := self.find()) == than and time.monotonic() + _PAUSE < until:
            self.misled(than)
            time.sleep(_PAUSE)
        return found

    async def find_other_async(self, than: Place, seconds: float) -> Place:
        """The same from an event loop."""
        until = time.monotonic() + seconds
        while (found := await self.find_async()) == than and time.monotonic() + _PAUSE < until:
            self.misled(than)
            await asyncio.sleep(_PAUSE)
        return found

    def misled(self, place: Place | None) -> None:
        """The server at a place is not the primary, or gone: whoever named it is asked last next time."""
        if place is not None and place == self.current:
            self.current = None
            first, *others = self._servers  # read once: another thread may change their order meanwhile
            self._servers = (*others, first)

    def _is_due(self) -> bool:
        """Whether to ask again; True for one of all who look at once."""
        now = time.monotonic()
        if now < self._ask_again:
            return False
        self._ask_again = now + _REFRESH
        return True

    def _found(self, server: Place, found: Place) -> Place:
        self._servers = (server, *(other for other in self._servers if other != server))
        self.current = found
        return found

    def _unknown(self, problems: Sequence[Exception]) -> PrimaryUnknown:
        """What to say of it; the most telling answer decides."""
        asked = self._asked
        if any(isinstance(problem, _REFUSED) for problem in problems):
            return PrimaryUnknown(f"no {asked.called} lets us ask for the primary ({asked.login_options})", denied=True)
        if any(isinstance(problem, ResponseError) for problem in problems):
            return PrimaryUnknown(asked.misunderstood, denied=True)
        if len(problems) < len(asked.servers):
            return PrimaryUnknown(asked.none_known)
        unknown = PrimaryUnknown(f"no {asked.called} answers")
        unknown.__cause__ = problems[-1]  # which may be a certificate that is not trusted
        return unknown


@cache
def finder(asked: Sentinels | Cluster) -> PrimaryFinder:
    """The one of this process, so that what one connection finds is known to all."""
    return PrimaryFinder(asked)

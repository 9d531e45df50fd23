"""PrimaryFinder: asks sentinels, or the nodes of a cluster, where the primary is, and remembers who knew it.

``finder`` gives the one of this process. Its lookups raise ``PrimaryUnknown``. Whom they believe, ``Inquiry`` says; whether the
server that is named is a primary shows when it is connected to, and ``misled`` says if it was not. While nobody answers at all,
they return what was last known.
"""

import asyncio
import time
from functools import cache

from redis.exceptions import RedisError

from smsrelay.servers.failover.answer import Answer
from smsrelay.servers.failover.asking import ask, ask_async
from smsrelay.servers.failover.cluster import Cluster
from smsrelay.servers.failover.inquiry import Inquiry
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.primary_unknown import PrimaryUnknown
from smsrelay.servers.failover.sentinels import Sentinels

_PAUSE = 0.2  # seconds between two questions
_REFRESH = 2.0  # seconds after which an answer is old
_REST = 30.0  # seconds to let them rest when none knows; a connection that is opened asks all the same
_PATIENCE = 10  # times as long as it took to ask all in vain, since some hang, we do not ask all again


class PrimaryFinder:
    """For any number of threads and event loops. ``current``: where the primary was last found."""

    def __init__(self, asked: Sentinels | Cluster) -> None:
        self._asked = asked
        self._servers = asked.servers  # in the order in which they are asked: first who last knew it
        self.current: Place | None = None
        self._newest: Answer | None = None
        self._ask_again = 0.0  # of time.monotonic()
        self._alone_until = 0.0  # until when one that sees few others is believed

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
        """Ask one after the other until one has said enough (``Inquiry``)."""
        inquiry, began = self._inquiry(), time.monotonic()
        for server in self._to_ask():
            try:
                if inquiry.settled_by(server, ask(self._asked, server, *self._asked.questions)):
                    break
            except (RedisError, OSError) as error:
                inquiry.failed(error)
        return self._found(*inquiry.result(self._newest), took=time.monotonic() - began)

    async def find_async(self) -> Place:
        """The same from an event loop."""
        inquiry, began = self._inquiry(), time.monotonic()
        for server in self._to_ask():
            try:
                if inquiry.settled_by(server, await ask_async(self._asked, server, *self._asked.questions)):
                    break
            except (RedisError, OSError) as error:
                inquiry.failed(error)
        return self._found(*inquiry.result(self._newest), took=time.monotonic() - began)

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
            self._turn()

    def doubt(self, place: Place | None) -> None:
        """The server at a place may not be the primary: have somebody else asked, and all if none of them sees the others."""
        if place is not None and place == self.current:
            self._ask_again = 0.0
            self._turn()

    def _turn(self) -> None:
        first, *others = self._servers  # read once: another thread may change their order meanwhile
        self._servers = (*others, first)
        self._alone_until = 0.0

    def _to_ask(self) -> tuple[Place, ...]:
        known = None if self._newest is None else self._newest.primary
        if known is None or known in self._servers or not self._asked.primary_answers:
            return self._servers
        return (*self._servers, known)

    def _inquiry(self) -> Inquiry:
        return Inquiry(self._asked, self._newest, alone=time.monotonic() < self._alone_until)

    def _is_due(self) -> bool:
        """Whether to ask again; True for one of all who look at once."""
        now = time.monotonic()
        if now < self._ask_again:
            return False
        self._ask_again = now + _REFRESH
        return True

    def _found(self, server: Place | None, answer: Answer, *, took: float) -> Place:
        """Note what is right, and who said it, if anybody did. ``took``: seconds that were spent on asking."""
        now = time.monotonic()
        if server is None:
            self._ask_again = max(self._ask_again, now + _PATIENCE * took)
        else:
            self._servers = (server, *(other for other in self._servers if other != server))
            self._newest = answer
            if not answer.majority and now >= self._alone_until:
                self._alone_until = now + _PATIENCE * took
        self.current = answer.primary
        return answer.primary


@cache
def finder(asked: Sentinels | Cluster) -> PrimaryFinder:
    """The one of this process, so that what one connection finds is known to all."""
    return PrimaryFinder(asked)

"""Limits on the receiver's connections, which anybody on the internet may open, and the count of those that are open.

Takes connections as they come and go. Says which one has to give way when there are too many, closes those that take too long,
and logs at most once a second how many were refused and why. Belongs to one event loop; no part of it waits.
"""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

_SWEEP = 1.0  # seconds between two looks at what is open

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one caller, and all of them together, may take."""

    head_bytes: int = 16 * 1024  # of a request, its URL included
    message_bytes: int = 1024 * 1024  # of one body as it travels: a chunked one is longer than what it holds
    head_seconds: float = 10.0  # from the connection, or the request's first byte, to the end of its head
    body_seconds: float = 10.0  # from there to the end of its body
    answer_seconds: float = 10.0  # for a caller to take in what it is answered
    refused_seconds: float = 10.0  # to take in that it is refused
    pipelined: int = 64  # requests that wait behind an unanswered one of the same connection
    yields_after: float = 1.0  # seconds after which an unfinished head gives way to a newcomer
    connections: int = 512
    per_address: int = 256


class Refusal(StrEnum):
    """Why a connection was answered by nobody but us; what the log counts."""

    MALFORMED = "malformed"
    HEAD_TOO_LARGE = "head too large"
    HEAD_TOO_SLOW = "head too slow"
    BODY_TOO_LARGE = "body too large"
    BODY_TOO_SLOW = "body too slow"
    PIPELINED = "too many requests at once"
    ANSWER_UNREAD = "answer not read"
    TOO_MANY = "too many connections"
    TOO_MANY_OF_ADDRESS = "too many connections from one address"


class Connection(Protocol):
    """One open connection."""

    address: str
    since: float | None  # when its unfinished head or body began; None: nothing is unfinished

    @property
    def idle(self) -> bool:
        """Kept open between two requests."""
        ...

    def overdue(self, now: float) -> Refusal | None:
        """Which of the limits on time it has passed."""
        ...

    def refuse(self, refusal: Refusal) -> None:
        """Answer with the status that says so, and close."""
        ...


class OpenConnections:
    """Every open connection of one server."""

    def __init__(self, limits: ConnectionLimits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.now = clock
        self._open: dict[Connection, None] = {}  # the oldest first
        self._of_address: Counter[str] = Counter()
        self._refused: Counter[Refusal] = Counter()
        self._sweeping: asyncio.TimerHandle | None = None

    def add(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> Refusal | None:
        """Count a newcomer, which may close one that is idle or slow; or say why there is no room."""
        if self._of_address[connection.address] >= self.limits.per_address:
            alike = [one for one in self._open if one.address == connection.address]
            if not self._make_room(alike, Refusal.TOO_MANY_OF_ADDRESS):
                return Refusal.TOO_MANY_OF_ADDRESS
        if len(self._open) >= self.limits.connections and not self._make_room(list(self._open), Refusal.TOO_MANY):
            return Refusal.TOO_MANY
        self._open[connection] = None
        self._of_address[connection.address] += 1
        self._watch(loop)
        return None

    def remove(self, connection: Connection) -> None:
        """Count one no more; harmless for one that was never counted."""
        if connection not in self._open:
            return
        del self._open[connection]
        self._of_address[connection.address] -= 1
        if not self._of_address[connection.address]:
            del self._of_address[connection.address]

    def count(self, refusal: Refusal, loop: asyncio.AbstractEventLoop) -> None:
        """Have the next line of the log say that one more was refused."""
        self._refused[refusal] += 1
        self._watch(loop)

    def _make_room(self, among: Sequence[Connection], why: Refusal) -> bool:
        """Close the first of the idle connections, or else the one whose head has been unfinished for longest."""
        now = self.now()
        leaving = next((one for one in among if one.idle), None)
        if leaving is None:
            unfinished = [one for one in among if one.since is not None and now - one.since > self.limits.yields_after]
            leaving = min(unfinished, key=lambda one: one.since or now, default=None)
        if leaving is None:
            return False
        leaving.refuse(why)
        self.remove(leaving)
        return True

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._sweeping is None:
            self._sweeping = loop.call_later(_SWEEP, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeping = None
        now = self.now()
        for connection in list(self._open):
            refusal = connection.overdue(now)
            if refusal is not None:
                connection.refuse(refusal)
        if self._refused:
            log.warning(
                "connections.refused", **{refusal.value.replace(" ", "_"): count for refusal, count in self._refused.items()}
            )
            self._refused.clear()
        if self._open:
            self._watch(loop)


def caller_network(address: str) -> str:
    """What one caller may choose addresses from: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))

"""OpenConnections: every open connection of one server, kept within ``ConnectionLimits``.

It says which connection to close when there are too many, closes those that are too slow, and logs at most once a second how many
were refused and why. For one event loop; nothing here blocks.
"""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay.http.connection_limits import ConnectionLimits

_SWEEP_INTERVAL = 1.0  # seconds

_log: FilteringBoundLogger = structlog.get_logger()


class ConnectionRefusal(StrEnum):
    """Why the server refused or closed a connection before the app saw a request; the keys of the log line."""

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
        """Whether it is kept alive between two requests."""
        ...

    def overdue(self, now: float) -> ConnectionRefusal | None:
        """Which time limit it has exceeded, if any."""
        ...

    def refuse(self, refusal: ConnectionRefusal) -> None:
        """Answer with the status for this refusal, and close."""
        ...


class OpenConnections:
    """The open connections of one server; ``clock`` in seconds."""

    def __init__(self, limits: ConnectionLimits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.now = clock
        self._open: dict[Connection, None] = {}  # the oldest first
        self._of_address: Counter[str] = Counter()
        self._refused: Counter[ConnectionRefusal] = Counter()
        self._sweep_timer: asyncio.TimerHandle | None = None

    def add(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> ConnectionRefusal | None:
        """Add a connection, closing an idle or slow one if there are too many; returns why there is no room, if there is none."""
        if self._of_address[connection.address] >= self.limits.per_address:
            alike = [one for one in self._open if one.address == connection.address]
            if not self._make_room(alike, ConnectionRefusal.TOO_MANY_OF_ADDRESS):
                return ConnectionRefusal.TOO_MANY_OF_ADDRESS
        if len(self._open) >= self.limits.connections and not self._make_room(list(self._open), ConnectionRefusal.TOO_MANY):
            return ConnectionRefusal.TOO_MANY
        self._open[connection] = None
        self._of_address[connection.address] += 1
        self._schedule_sweep(loop)
        return None

    def remove(self, connection: Connection) -> None:
        """Remove a connection; harmless for one that was never added."""
        if connection not in self._open:
            return
        del self._open[connection]
        self._of_address[connection.address] -= 1
        if not self._of_address[connection.address]:
            del self._of_address[connection.address]

    def count(self, refusal: ConnectionRefusal, loop: asyncio.AbstractEventLoop) -> None:
        """Count a refusal for the next log line."""
        self._refused[refusal] += 1
        self._schedule_sweep(loop)

    def _make_room(self, among: Sequence[Connection], why: ConnectionRefusal) -> bool:
        """Close the first idle connection, or else the one whose head has been unfinished the longest."""
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

    def _schedule_sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._sweep_timer is None:
            self._sweep_timer = loop.call_later(_SWEEP_INTERVAL, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep_timer = None
        now = self.now()
        for connection in list(self._open):
            refusal = connection.overdue(now)
            if refusal is not None:
                connection.refuse(refusal)
        if self._refused:
            _log.warning(
                "connections.refused", **{refusal.value.replace(" ", "_"): count for refusal, count in self._refused.items()}
            )
            self._refused.clear()
        if self._open:
            self._schedule_sweep(loop)


def caller_network(address: str) -> str:
    """The addresses that one caller can choose from: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))

"""Connections of redis-py that keep within the time limit in force (``time_limit``), and lead to the present primary.

redis-py's own timeouts bound each wait alone: for the connection, for each answer of the login, for each answer after it. Without
a limit in force these connections behave as redis-py's own.

With ``primary``, host and port are ignored: whenever a connection is opened, sentinels or nodes are asked where to. Once any
connection has found another primary, those that lead to the old one are opened anew at their next use. A server that is silent is
left as soon as another is the primary, not only when the wait for its answer is over.
"""

import time
from contextlib import suppress
from inspect import Parameter, signature
from queue import Empty
from typing import Any

from redis import BlockingConnectionPool, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from smsrelay.servers.failover.cluster import Cluster
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.primary import finder
from smsrelay.servers.failover.primary_unknown import NAMED_A_REPLICA, PrimaryUnknown
from smsrelay.servers.failover.sentinels import Sentinels
from smsrelay.servers.failover.server_role import is_replica
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.redis_errors import needs_new_connection
from smsrelay.servers.time_limit import time_left

_TAKES_A_COMMAND = signature(BlockingConnectionPool.get_connection).parameters["command_name"].default is Parameter.empty
_CONNECT = 1.5  # seconds
_SUCCESSOR = 1.0  # seconds to wait for another primary when the one that is named cannot be reached, without a time limit
_SUSPICIOUS = 1.0  # seconds of silence after which, again and again, we ask whether this is still the primary


class _Limited:
    """Put in front of a connection class: redis-py reads both timeouts whenever it opens a socket."""

    _sock: Any
    _socket_timeout: float | None = None
    _socket_connect_timeout: float | None = None

    @property
    def socket_timeout(self) -> float | None:
        """Seconds to wait for each piece of an answer."""
        return time_left(self._socket_timeout)

    @socket_timeout.setter
    def socket_timeout(self, seconds: float | None) -> None:
        self._socket_timeout = seconds

    @property
    def socket_connect_timeout(self) -> float | None:
        """Seconds to wait for the connection."""
        return time_left(self._socket_connect_timeout)

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, seconds: float | None) -> None:
        self._socket_connect_timeout = seconds

    def mistrust(self) -> None:
        """Close it: its server may not be the primary any more."""
        self.disconnect()  # type: ignore[attr-defined]

    def send_packed_command(self, *args: Any, **options: Any) -> Any:
        self._bound_waits()
        return super().send_packed_command(*args, **options)  # type: ignore[misc]

    def _bound_waits(self) -> None:
        """Set how long an open socket waits, unless that is about right: it costs a system call."""
        if self._sock is None:
            return
        wanted, waits = self.socket_timeout, self._sock.gettimeout()
        if wanted is None or waits is None or not 0.95 * wanted < waits < 1.05 * wanted:
            self._sock.settimeout(wanted)


class _ToPrimary(_Limited):
    """Put in front of a connection class by TCP or TLS."""

    host: Any
    port: Any
    _leads_to: Place | None = None

    def __init__(self, *args: Any, primary: Sentinels | Cluster | None = None, **options: Any) -> None:
        self._finder = None if primary is None else finder(primary)
        super().__init__(*args, **options)

    def connect(self) -> None:
        """Open it, unless it is open and leads to the present primary."""
        if self._finder is not None and self._sock is not None:
            self._finder.refresh()
            if self._leads_to != self._finder.current:
                self.disconnect()  # type: ignore[attr-defined]
        super().connect()  # type: ignore[misc]

    def is_outdated(self) -> bool:
        """Whether it is open and leads to a server that is known not to be the primary any more."""
        if self._finder is None or self._sock is None:
            return False
        self._finder.refresh()
        return self._finder.current not in {None, self._leads_to}

    def mistrust(self) -> None:
        """Close it, and ask somebody else where to: its server may not be the primary any more."""
        if self._finder is not None:
            self._finder.doubt(self._leads_to)
        super().mistrust()

    def on_connect_check_health(self, *args: Any, **options: Any) -> None:
        """Log in, and make sure that the server is a primary: who was asked may not know yet that it is none any more.

        Older versions of redis-py do not call this; with them a replica shows when it refuses a write.
        """
        super().on_connect_check_health(*args, **options)  # type: ignore[misc]
        if self._finder is not None and self._is_replica():
            self._finder.misled(self._leads_to)
            raise PrimaryUnknown(NAMED_A_REPLICA)

    def read_response(self, *args: Any, **options: Any) -> Any:
        """The next answer; raises redis-py's ``ConnectionError`` when another server becomes the primary meanwhile."""
        if self._finder is None or "timeout" in options:  # whoever gives one looks again by himself
            return super().read_response(*args, **options)  # type: ignore[misc]
        self._await_answer()
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]
        except RedisError as error:
            if needs_new_connection(error):
                self._finder.misled(self._leads_to)
                self._leads_to = None  # and so it is opened anew at its next use
            raise

    @property
    def socket_connect_timeout(self) -> float | None:
        """Seconds to wait for the connection: a machine that is gone must not take the time in which its successor is found."""
        waits = super().socket_connect_timeout
        return waits if self._finder is None else min(_CONNECT, waits or _CONNECT)

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, seconds: float | None) -> None:
        self._socket_connect_timeout = seconds

    def _connect(self) -> Any:
        if self._finder is None:
            return super()._connect()  # type: ignore[misc]
        gone = self._leads_to = self.host, self.port = self._finder.find()
        try:
            return super()._connect()  # type: ignore[misc]
        except (OSError, RedisError):
            self._finder.misled(gone)
            other = self._finder.find_other(gone, time_left(_SUCCESSOR) or _SUCCESSOR)
            if other == gone:
                raise
        self._leads_to = self.host, self.port = other
        return super()._connect()  # type: ignore[misc]

    def _await_answer(self) -> None:
        """Wait until there is something to read, or another server is the primary."""
        until = None if self.socket_timeout is None else time.monotonic() + self.socket_timeout
        while not self.can_read(_SUSPICIOUS if until is None else max(0.001, min(_SUSPICIOUS, until - time.monotonic()))):  # type: ignore[attr-defined]
            if until is not None and time.monotonic() >= until:
                self.disconnect()  # type: ignore[attr-defined]
                raise RedisTimeoutError("Timeout reading from the primary")
            if self._is_replaced():
                self.disconnect()  # type: ignore[attr-defined]
                raise RedisConnectionError("another server is the primary now")
        self._bound_waits()

    def _is_replaced(self) -> bool:
        try:
            return self._finder is not None and self._finder.find() != self._leads_to
        except PrimaryUnknown:
            return False

    def _is_replica(self) -> bool:
        self.send_command("HELLO", check_health=False)  # type: ignore[attr-defined]
        try:
            return is_replica(self.read_response())
        except ResponseError:
            return False  # it is not told; a write will be refused by a replica


class LimitedConnection(_ToPrimary, Connection):
    """By TCP."""


class LimitedSSLConnection(_ToPrimary, SSLConnection):
    """By TLS."""


class LimitedSocketConnection(_Limited, UnixDomainSocketConnection):
    """By a Unix socket."""


def connection_options(address: RedisAddress) -> dict[str, Any]:
    """What the pool of an address needs beside ``redis_url``: the class of its connections, and whom they ask for the primary."""
    if address.socket:
        return {"connection_class": LimitedSocketConnection}
    kind = LimitedConnection if address.tls is None else LimitedSSLConnection
    return {"connection_class": kind, **({} if address.primary is None else {"primary": address.primary})}


class LimitedPool(BlockingConnectionPool):
    """A pool that waits for a free connection within the limit."""

    _timeout: float | None = None

    if _TAKES_A_COMMAND:  # redis-py before 5.3, which does not use it

        def get_connection(self, *_command: Any, **_options: Any) -> Any:
            """A connection, which is to be released."""
            return super().get_connection("")  # type: ignore[no-untyped-call]

    def drop_idle(self) -> None:
        """Close every idle connection, and mistrust its server. Each is taken first, so that nobody else is using it."""
        taken: list[Any] = []
        with suppress(Empty):  # none is idle any more
            while True:
                taken.append(self.pool.get_nowait())
        for connection in taken:
            if connection is not None:
                connection.mistrust()
        for connection in reversed(taken):
            self.pool.put_nowait(connection)

    @property
    def timeout(self) -> float | None:
        """Seconds to wait for a free connection."""
        return time_left(self._timeout)

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._timeout = seconds

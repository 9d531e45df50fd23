"""Connections of redis-py that keep within the time limit in force (``time_limit``).

redis-py's own timeouts bound each wait alone: for the connection, for each answer of the login, for each answer after it. Without
a limit in force these connections behave as redis-py's own.
"""

from inspect import Parameter, signature
from typing import Any

from redis import BlockingConnectionPool, Connection, SSLConnection, UnixDomainSocketConnection

from smsrelay.servers.time_limit import time_left

_TAKES_A_COMMAND = signature(BlockingConnectionPool.get_connection).parameters["command_name"].default is Parameter.empty


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


class LimitedConnection(_Limited, Connection):
    """By TCP."""


class LimitedSSLConnection(_Limited, SSLConnection):
    """By TLS."""


class LimitedSocketConnection(_Limited, UnixDomainSocketConnection):
    """By a Unix socket."""


class LimitedPool(BlockingConnectionPool):
    """A pool that waits for a free connection within the limit."""

    _timeout: float | None = None

    if _TAKES_A_COMMAND:  # redis-py before 5.3, which does not use it

        def get_connection(self, *_command: Any, **_options: Any) -> Any:
            """A connection, which is to be released."""
            return super().get_connection("")  # type: ignore[no-untyped-call]

    @property
    def timeout(self) -> float | None:
        """Seconds to wait for a free connection."""
        return time_left(self._timeout)

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._timeout = seconds

"""The HTTP connections to one webhook: public addresses only, no proxy, no redirect, and one deadline over all reads.

The deadline is the time limit in force (``smsrelay.servers.time_limit``). It also ends an answer that trickles byte by byte, or
that never ends.
"""

import io
import socket
import ssl
from functools import partial
from http.client import HTTPResponse
from threading import Semaphore
from typing import Any
from urllib.parse import SplitResult

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from smsrelay.servers.time_limit import time_left
from smsrelay_worker.one_packet import OnePacket
from smsrelay_worker.outcomes import address
from smsrelay_worker.store.sinks.outcomes import TELLING

TIMEOUT = TELLING  # seconds for one delivery: connection, TLS, request and answer
_CONNECT = 5.0  # seconds for one address
_LOOKUPS = 2  # of the host's name at once
_OVER = 0.001  # what ``time_left`` says from the deadline on


def open_pool(url: SplitResult, connections: int, *, private: bool, tls: ssl.SSLContext) -> HTTPConnectionPool:
    """The connections to the host of a URL; ``private``: it may have an address that is not public."""
    host, port, lookups = url.hostname or "", url.port, Semaphore(_LOOKUPS)
    if url.scheme == "https":
        secure = HTTPSConnectionPool(host, port, maxsize=connections, ssl_context=tls)
        secure.ConnectionCls = partial(_SecureConnection, private=private, lookups=lookups)  # type: ignore[assignment]
        return secure
    plain = HTTPConnectionPool(host, port, maxsize=connections)
    plain.ConnectionCls = partial(_Connection, private=private, lookups=lookups)  # type: ignore[assignment]
    return plain


def tls_context() -> ssl.SSLContext:
    """Trusts the authorities of this host and those that come with the HTTP library."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class _Checked(OnePacket):
    """Connects to addresses that may be used, and reads within the deadline."""

    host: str
    port: int
    _private: bool
    _lookups: Semaphore

    def __init__(self, *args: Any, private: bool, lookups: Semaphore, **options: Any) -> None:
        super().__init__(*args, **options)
        self._private = private
        self._lookups = lookups

    response_class = property(lambda self: _TimedResponse)

    def _new_conn(self) -> socket.socket:
        return address.connect(self.host, self.port, lambda: min(_CONNECT, _left()), self._lookups, private=self._private)


class _Connection(_Checked, HTTPConnection):
    pass


class _SecureConnection(_Checked, HTTPSConnection):
    pass


class _TimedResponse(HTTPResponse):
    """A response that is read within the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        raw: Any = sock.makefile("rb", buffering=0)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock, raw))


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw  # keeps the socket open while the response is read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left() -> float:
    left = time_left(TIMEOUT) or TIMEOUT
    if left <= _OVER:
        raise TimeoutError("the deadline is over")
    return left

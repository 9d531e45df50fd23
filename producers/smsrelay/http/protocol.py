"""LimitedHttpProtocol: uvicorn's HTTP protocol with limits on how much a caller may send, and how slowly.

Uvicorn limits neither the size of a request's head nor the time it takes: 200 MiB of headers on one connection took 4 GiB of
memory, and a thousand unfinished heads use up the files a process may open. Here a head is counted as it arrives, not once it is
complete. Nor does uvicorn limit the requests queued behind an unanswered one (2 KiB of memory for every 20 bytes), or how long an
answer may go unread.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from smsrelay.http.open_connections import ConnectionRefusal, OpenConnections, caller_network

_STATUS = {
    ConnectionRefusal.MALFORMED: b"400 Bad Request",
    ConnectionRefusal.HEAD_TOO_LARGE: b"431 Request Header Fields Too Large",
    ConnectionRefusal.HEAD_TOO_SLOW: b"408 Request Timeout",
    ConnectionRefusal.BODY_TOO_LARGE: b"413 Content Too Large",
    ConnectionRefusal.BODY_TOO_SLOW: b"408 Request Timeout",
    ConnectionRefusal.PIPELINED: b"429 Too Many Requests",
    ConnectionRefusal.TOO_MANY: b"503 Service Unavailable",
    ConnectionRefusal.TOO_MANY_OF_ADDRESS: b"503 Service Unavailable",
}

_OF_UPGRADE = {b"connection", b"upgrade", b"http2-settings"}  # headers of a request that offers another protocol


class _Refused(Exception):
    """Raised in a parser callback to stop parsing and refuse the connection."""

    def __init__(self, refusal: ConnectionRefusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, open_connections: OpenConnections, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._open_connections = open_connections
        self._limits = open_connections.limits
        self._in_head = True  # neither head nor body: between two requests; a new connection counts as in a head
        self._in_body = False
        self._fed = 0  # bytes of the unfinished head or body
        self._arrived = 0  # the same, including the data that is being parsed
        self._complete = 0  # requests
        self._refused = False
        self._unread_since: float | None = None  # since when our write buffer is full, because the caller does not read
        self.address = ""
        self.since: float | None = None

    @property
    def idle(self) -> bool:
        """Whether it is kept alive between two requests."""
        return not self._in_head and not self._in_body and (self.cycle is None or self.cycle.response_complete)

    def overdue(self, now: float) -> ConnectionRefusal | None:
        """Which time limit it has exceeded, if any."""
        if self._unread_since is not None and now - self._unread_since > self._limits.answer_seconds:
            return ConnectionRefusal.ANSWER_UNREAD
        if self.since is None:
            return None
        if self._in_head and now - self.since > self._limits.head_seconds:
            return ConnectionRefusal.HEAD_TOO_SLOW
        if self._in_body and now - self.since > self._limits.body_seconds:
            return ConnectionRefusal.BODY_TOO_SLOW
        return None

    def refuse(self, refusal: ConnectionRefusal) -> None:
        """Answer with the status for this refusal, and close. An idle one is closed silently, as when keep-alive ends."""
        if self._refused:
            return
        silent = self.idle
        self._refused = True
        self.since = None
        self._open_connections.count(refusal, self.loop)
        if refusal is ConnectionRefusal.ANSWER_UNREAD:
            self.transport.abort()
            return
        if not silent and (self.cycle is None or self.cycle.response_complete or not self.cycle.response_started):
            status = _STATUS[refusal]
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
        if self.transport.get_write_buffer_size():  # close() waits for ever for a caller that does not read
            self.loop.call_later(self._limits.refused_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        """Called when the write buffer is full: the caller does not read."""
        self._unread_since = self._open_connections.now()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Called when the caller reads again."""
        self._unread_since = None
        super().resume_writing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, or refuse it when there are too many."""
        super().connection_made(transport)
        self.address = caller_network(self.client[0]) if self.client else ""
        self.since = self._open_connections.now()
        refusal = self._open_connections.add(self, self.loop)
        if refusal is not None:
            self.refuse(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection."""
        self._open_connections.remove(self)
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection until a caller that has sent all it will has its answer; it may still read.

        Otherwise it would be closed now, and answering could fail with an exception in the log.
        """
        answering = self.cycle is not None and not self.cycle.response_complete
        if not answering or self._in_head or self._in_body:
            return False
        self.cycle.keep_alive = False  # answered, it is closed
        return True

    def data_received(self, data: bytes) -> None:
        """Feed the parser; refuse what it cannot parse, and what is too long before it is complete."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        complete = self._complete
        self._arrived = self._fed + len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            refused = error.__context__  # raised by one of the callbacks below
            self.refuse(refused.refusal if isinstance(refused, _Refused) else ConnectionRefusal.MALFORMED)
            return
        if not (self._in_head or self._in_body):
            self._fed, self.since = 0, None
            return
        if complete == self._complete:  # otherwise part of the data belonged to the previous request
            self._fed = self._arrived
        if self.since is None:
            self.since = self._open_connections.now()
        if self._in_head and self._fed > self._limits.head_bytes:
            self.refuse(ConnectionRefusal.HEAD_TOO_LARGE)
        elif self._in_body and self._fed > self._limits.message_bytes:
            self.refuse(ConnectionRefusal.BODY_TOO_LARGE)

    def _feed(self, data: bytes) -> None:
        """Feed the parser. It skips the body of a request that asks for another protocol, so it gets that head again without."""
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as asked:
                data = self._head_without_upgrade() + data[asked.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        """The head that was parsed, without its offer of another protocol, which a server may ignore (RFC 9110, section 7.8)."""
        close = b"connection: close\r\n" if any(map(_closes, self.headers)) else b""
        kept = b"".join(b"%b: %b\r\n" % header for header in self.headers if header[0] not in _OF_UPGRADE)
        version = self.parser.get_http_version().encode()
        return b"%b %b HTTP/%b\r\n%b%b\r\n" % (self.parser.get_method(), self.url, version, kept, close)

    def on_message_begin(self) -> None:
        """Parser callback: a head begins."""
        self._in_head, self._in_body, self._fed = True, False, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Parser callback: a head is complete; a body may follow."""
        self._in_head, self._in_body, self._fed, self.since = False, True, 0, None
        if self._arrived > self._limits.head_bytes and self._head_bytes() > self._limits.head_bytes:  # it came in one piece
            raise _Refused(ConnectionRefusal.HEAD_TOO_LARGE)
        if len(self.pipeline) >= self._limits.pipelined:
            raise _Refused(ConnectionRefusal.PIPELINED)
        if self.parser.get_method() == b"CONNECT":  # we are no proxy
            raise _Refused(ConnectionRefusal.MALFORMED)
        if not self.parser.should_upgrade():  # otherwise it is parsed again
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Parser callback: the request is complete."""
        if self.parser.should_upgrade():
            return
        self._in_body = False
        self._complete += 1
        super().on_message_complete()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)


def _closes(header: tuple[bytes, bytes]) -> bool:
    name, value = header
    return name == b"connection" and b"close" in value.lower()

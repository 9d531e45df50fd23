"""LimitedHttpProtocol: uvicorn's HTTP protocol, with limits on what a caller may send and how long it may take.

Uvicorn bounds neither the head of a request nor the time for it: 200 MiB of headers on one connection took 4 GiB, and a thousand
unfinished heads use up the files a process may open. Here a head is counted while it comes, not when it is complete.
Nor does it bound what waits behind an unanswered request, 2 KiB for every 20 bytes, or for how long an answer goes unread.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from smsrelay.receiver.connection_limits import OpenConnections, Refusal, caller_network

_STATUS = {
    Refusal.MALFORMED: b"400 Bad Request",
    Refusal.HEAD_TOO_LARGE: b"431 Request Header Fields Too Large",
    Refusal.HEAD_TOO_SLOW: b"408 Request Timeout",
    Refusal.BODY_TOO_LARGE: b"413 Content Too Large",
    Refusal.BODY_TOO_SLOW: b"408 Request Timeout",
    Refusal.PIPELINED: b"429 Too Many Requests",
    Refusal.TOO_MANY: b"503 Service Unavailable",
    Refusal.TOO_MANY_OF_ADDRESS: b"503 Service Unavailable",
}


class _Refused(Exception):
    """Ends the parsing of what a connection sent."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, open_connections: OpenConnections, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._open_connections = open_connections
        self._limits = open_connections.limits
        self._in_head = True  # or in a body, or between two requests; before its first request a connection owes one
        self._in_body = False
        self._fed = 0  # bytes of the unfinished head or body
        self._arrived = 0  # the same, with the piece that is being read
        self._complete = 0  # requests
        self._refused = False
        self._unread_since: float | None = None  # when the caller's end, and our buffer, were full of answers
        self.address = ""
        self.since: float | None = None

    @property
    def idle(self) -> bool:
        """Kept open between two requests."""
        return not self._in_head and not self._in_body and (self.cycle is None or self.cycle.response_complete)

    def overdue(self, now: float) -> Refusal | None:
        """Which of the limits on time it has passed."""
        if self._unread_since is not None and now - self._unread_since > self._limits.answer_seconds:
            return Refusal.ANSWER_UNREAD
        if self.since is None:
            return None
        if self._in_head and now - self.since > self._limits.head_seconds:
            return Refusal.HEAD_TOO_SLOW
        if self._in_body and now - self.since > self._limits.body_seconds:
            return Refusal.BODY_TOO_SLOW
        return None

    def refuse(self, refusal: Refusal) -> None:
        """Answer with the status that says so, and close; an idle one is closed without a word, as keep-alive's end does."""
        if self._refused:
            return
        silent = self.idle
        self._refused = True
        self.since = None
        self._open_connections.count(refusal, self.loop)
        if refusal is Refusal.ANSWER_UNREAD:
            self.transport.abort()
            return
        if not silent and (self.cycle is None or self.cycle.response_complete or not self.cycle.response_started):
            status = _STATUS[refusal]
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
        if self.transport.get_write_buffer_size():  # closing waits for whoever does not read, and for ever
            self.loop.call_later(self._limits.refused_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        """The caller does not read."""
        self._unread_since = self._open_connections.now()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does."""
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
        """Count it no more."""
        self._open_connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; refuse what it does not understand, and what is too long before it is complete."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        complete = self._complete
        self._arrived = self._fed + len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            refused = error.__context__  # what a callback raised
            self.refuse(refused.refusal if isinstance(refused, _Refused) else Refusal.MALFORMED)
            return
        if not (self._in_head or self._in_body):
            self._fed, self.since = 0, None
            return
        if complete == self._complete:  # else some of it was of the request before
            self._fed = self._arrived
        if self.since is None:
            self.since = self._open_connections.now()
        if self._in_head and self._fed > self._limits.head_bytes:
            self.refuse(Refusal.HEAD_TOO_LARGE)
        elif self._in_body and self._fed > self._limits.message_bytes:
            self.refuse(Refusal.BODY_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head, self._in_body, self._fed = True, False, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is complete; a body may follow."""
        self._in_head, self._in_body, self._fed, self.since = False, True, 0, None
        if self._arrived > self._limits.head_bytes and self._head_bytes() > self._limits.head_bytes:  # in one piece
            raise _Refused(Refusal.HEAD_TOO_LARGE)
        if len(self.pipeline) >= self._limits.pipelined:
            raise _Refused(Refusal.PIPELINED)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_body = False
        self._complete += 1
        super().on_message_complete()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

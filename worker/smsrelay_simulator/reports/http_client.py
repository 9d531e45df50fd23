"""A minimal HTTP/1.1 client: POST over kept-alive connections, fast enough for thousands of callbacks a second."""

import asyncio
import ssl
from collections import defaultdict
from urllib.parse import SplitResult, urlsplit

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_Origin = tuple[str, int, bool]


class NoAnswer(Exception):
    """No answer: no or a broken connection, a timeout, an invalid answer or URL. The text names the kind, never the URL."""


class HttpClient:
    """Posts over at most ``connections`` connections at a time, each POST within ``timeout`` seconds."""

    def __init__(self, connections: int = 64, timeout: float = 5.0) -> None:
        self._places = asyncio.Semaphore(connections)
        self._timeout = timeout
        self._idle: defaultdict[_Origin, list[_Connection]] = defaultdict(list)

    async def post(self, url: str, body: bytes, content_type: str = "application/json") -> int:
        """The status of the answer. Raises ``NoAnswer``."""
        async with self._places:
            try:
                return await asyncio.wait_for(self._post(url, body, content_type), self._timeout)
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
                raise NoAnswer(type(error).__name__) from error  # TimeoutError is an OSError

    def close(self) -> None:
        """Close every idle connection."""
        for connections in self._idle.values():
            for _, writer in connections:
                writer.close()
        self._idle.clear()

    async def _post(self, url: str, body: bytes, content_type: str) -> int:
        parts = urlsplit(url)
        origin = _origin(parts)
        request = _head(parts, len(body), content_type) + body
        while (idle := self._take(origin)) is not None:
            try:
                return await self._exchange(origin, idle, request)
            except (ConnectionError, EOFError):
                continue  # the server closed the idle connection; a callback may arrive twice anyway
        return await self._exchange(origin, await _connect(origin), request)

    def _take(self, origin: _Origin) -> _Connection | None:
        while self._idle[origin]:
            reader, writer = self._idle[origin].pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return None

    async def _exchange(self, origin: _Origin, connection: _Connection, request: bytes) -> int:
        reader, writer = connection
        keep = False
        try:
            writer.write(request)
            status, keep = await _answer(reader)
        finally:
            if keep:
                self._idle[origin].append(connection)
            else:
                writer.close()
        return status


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status, and whether the connection can be reused."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(_header(line) for line in lines if line)
    status = int(first[9:12]) if first.startswith("HTTP/1.") else 0
    if not 200 <= status <= 599:
        raise ValueError("not an HTTP answer")
    length = headers.get("content-length", "")
    if not length.isdecimal() or first.startswith("HTTP/1.0") or headers.get("connection", "").lower() == "close":
        return status, False
    await reader.readexactly(int(length))
    return status, True


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def _origin(parts: SplitResult) -> _Origin:
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an HTTP URL")
    tls = parts.scheme == "https"
    return parts.hostname, parts.port or (443 if tls else 80), tls


def _head(parts: SplitResult, length: int, content_type: str) -> bytes:
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    lines = (
        f"POST {target} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "User-Agent: vendor-simulator",
        f"Content-Type: {content_type}",
        f"Content-Length: {length}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _connect(origin: _Origin) -> _Connection:
    host, port, tls = origin
    return await asyncio.open_connection(host, port, ssl=ssl.create_default_context() if tls else None)

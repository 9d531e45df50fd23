"""One HTTP request and its connection, which can be answered, left waiting, or reset.

The connection's transport comes in the ASGI scope's state (``server.py``). A client that disconnects ends a wait; it is no error.
"""

import asyncio
import socket
import struct
from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

_NO_LINGER = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: close sends RST and drops unsent bytes


class Exchange:
    """A request to be answered."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

    async def body(self) -> bytes | None:
        """The whole body; None when the client disconnects before it is complete."""
        parts: list[bytes] = []
        while (message := await self._receive())["type"] == "http.request":
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(parts)
        return None

    async def answer(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Send the answer, which ends the exchange."""
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        raw.append((b"content-length", str(len(body)).encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
        await self._send({"type": "http.response.body", "body": body})

    async def wait(self, seconds: float) -> None:
        """Wait, at most until the client disconnects. Call it only after the body was read."""
        try:
            await asyncio.wait_for(self._gone(), seconds)
        except TimeoutError:
            return

    async def reset(self) -> None:
        """Reset the TCP connection: the client sees neither an answer nor an orderly end."""
        transport: asyncio.Transport = self._scope["state"]["transport"]
        if transport.is_closing():  # the client disconnected first, as one that was killed
            return
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
        await self._gone()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue

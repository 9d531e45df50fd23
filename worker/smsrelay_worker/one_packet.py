"""OnePacket: a client's HTTP connection that writes head and body of a request in one packet."""

import socket
from typing import Any


class OnePacket:
    """Mixed into a connection of urllib3. It connects first; the body is asked for once the connection is open, not earlier."""

    sock: socket.socket | None
    _unsent: bytearray | None = None  # not _buffer, which http.client has itself

    def request(self, *args: Any, **options: Any) -> None:
        """Send a request; raises what the connection raises."""
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        self._unsent = bytearray()
        try:
            super().request(*args, **options)  # type: ignore[misc]
            packet, self._unsent = self._unsent, None
            self.send(packet)
        finally:
            self._unsent = None

    def send(self, data: Any) -> None:
        """Send, or within a request keep for its packet."""
        if self._unsent is None:
            super().send(data)  # type: ignore[misc]
        else:
            self._unsent += data

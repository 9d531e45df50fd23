"""A server whose backlog is full: it is up, but no connection to it is established until it is told to accept.

Yields its URL and the first connection that is then established. Linux drops the SYN of a connection for which there is no room,
and the client repeats it after one, three and seven seconds. Everything is closed when the context ends.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class FullBacklog:
    """Where it listens, and the connections that stand in the way of others."""

    listening: socket.socket
    fillers: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where a client is made to wait."""
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def open(self) -> socket.socket:
        """Make room, and wait for the next connection that stands."""
        for _ in self.fillers:
            self.listening.accept()[0].close()
        return self.listening.accept()[0]


@contextlib.contextmanager
def full_backlog() -> Iterator[FullBacklog]:
    """Open for the time of the context."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        full = FullBacklog(listening)
        full.fillers.append(socket.create_connection(listening.getsockname()))
        try:
            yield full
        finally:
            for filler in full.fillers:
                filler.close()


@contextlib.contextmanager
def leading_to(port: int, client: socket.socket) -> Iterator[None]:
    """Pass on what a connection brings, and what is answered, for the time of the context."""
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        pumps = [threading.Thread(target=_pump, args=ends) for ends in ((client, server), (server, client))]
        for pump in pumps:
            pump.start()
        try:
            yield
        finally:
            for end in (client, server):
                with contextlib.suppress(OSError):  # closed by the other side
                    end.shutdown(socket.SHUT_RDWR)
            for pump in pumps:
                pump.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed by either side
        while chunk := source.recv(1 << 16):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)

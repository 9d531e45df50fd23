"""A TCP forwarder whose target can change: a stable port for servers that come and go.

Takes the first server's port; gives the port it listens on. New connections go to the current target; open ones stay where they
are. Leaving the context closes everything.
"""

import contextlib
import selectors
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Forwarder:
    """Where it listens, and which port it leads to now."""

    port: int
    target: int


@contextlib.contextmanager
def forwarding(target: int) -> Iterator[Forwarder]:
    """Open for the time of the context."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", forwarder.target)) as server:
                _pump(self.request, server)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Connection) as server:
        forwarder = Forwarder(server.server_address[1], target)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield forwarder
        server.shutdown()


def _pump(client: socket.socket, server: socket.socket) -> None:
    with selectors.DefaultSelector() as both:
        both.register(client, selectors.EVENT_READ, server)
        both.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in both.select():
                chunk = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                if not chunk:
                    return
                key.data.sendall(chunk)

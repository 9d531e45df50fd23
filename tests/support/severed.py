"""A proxy to a Redis that cuts the connection in the middle of the first begins of attempts, and stays cut until mended.

Of several begins the server receives the first half and executes those that arrived whole; a single begin it executes. The client
gets a reset. Instead, the cut can come after another command, which holds some given words: the server executes it, and its reply
is lost. Takes the server's port, yields the proxy's. Everything is closed when the context ends.
"""

import contextlib
import selectors
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: closing sends RST
_BEGIN = b'"submitting"'
_TOO_LONG = 60.0  # seconds for the server's answer


@dataclass(slots=True)
class Severed:
    """Where it listens, and whether it leads anywhere."""

    port: int
    cut: threading.Event = field(default_factory=threading.Event)
    was_cut: bool = False
    refused: int = 0  # connections, while it is cut

    def mend(self) -> None:
        """Lead there again, for good."""
        self.cut.clear()


@contextlib.contextmanager
def severed_in_a_begin(target: int) -> Iterator[Severed]:
    """Open for the time of the context."""
    with severed_after(target, _BEGIN) as severed:
        yield severed


@contextlib.contextmanager
def severed_after(target: int, words: bytes) -> Iterator[Severed]:
    """Open for the time of the context; cut after the first command that holds ``words``, before its answer."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if not severed.cut.is_set():
                with socket.create_connection(("127.0.0.1", target)) as server:
                    _pump(self.request, server, severed, words)
            else:
                severed.refused += 1
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def shutdown_request(self, request: socket.socket) -> None:
            request.close()  # without the usual shutdown, which would turn a reset into an orderly end

    with Server(("127.0.0.1", 0), Connection) as server:
        server.block_on_close = False
        severed = Severed(server.server_address[1])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield severed
        server.shutdown()


def _pump(client: socket.socket, server: socket.socket, severed: Severed, words: bytes) -> None:
    with selectors.DefaultSelector() as both:
        both.register(client, selectors.EVENT_READ, server)
        both.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in both.select():
                chunk = key.fileobj.recv(1 << 20)  # type: ignore[union-attr]
                if not chunk or severed.cut.is_set():
                    return
                if key.fileobj is client and words in chunk and not severed.was_cut:
                    server.sendall(chunk[: len(chunk) // 2] if chunk.count(words) > 1 else chunk)
                    server.settimeout(_TOO_LONG)
                    server.recv(1)
                    severed.was_cut = True
                    severed.cut.set()
                    return
                key.data.sendall(chunk)

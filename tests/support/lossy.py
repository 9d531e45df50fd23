"""A proxy to a Redis that loses one reply: the first in which apply.lua says what it applied, or that of a named script.

The server did what it was asked; the client gets a reset. Takes the server's port, yields the proxy's. Everything is closed when
the context ends.
"""

import contextlib
import re
import selectors
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_APPLIED = re.compile(rb"\*3\r\n:\d+\r\n(?::[01]\r\n){2}")
_ANY = re.compile(rb".*", re.DOTALL)
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: closing sends RST


@dataclass(frozen=True, slots=True)
class Lossy:
    """Where it listens, and whether it has lost its answer yet."""

    port: int
    lost: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def losing_one_answer(target: int, command: bytes | None = None) -> Iterator[Lossy]:
    """Open for the time of the context; ``command``: the one whose first answer is lost, in place of apply.lua's."""
    lose = (b"EVALSHA", _APPLIED) if command is None else (b"\r\n" + command + b"\r\n", _ANY)

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", target)) as server:
                _pump(self.request, server, lossy.lost, *lose)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Connection) as server:
        lossy = Lossy(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield lossy
        server.shutdown()


def _pump(client: socket.socket, server: socket.socket, lost: threading.Event, command: bytes, answer: re.Pattern[bytes]) -> None:
    asked = b""
    with selectors.DefaultSelector() as both:
        both.register(client, selectors.EVENT_READ, server)
        both.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in both.select():
                chunk = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                if key.fileobj is client:
                    asked = chunk
                elif chunk and answer.fullmatch(chunk) and command in asked and not lost.is_set():
                    lost.set()
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    return
                if not chunk:
                    return
                key.data.sendall(chunk)

"""A TCP proxy in front of Redis that blocks one command: either the request or its reply. Everything else passes.

Takes the server's port and the gate; gives the port to connect to. What is blocked stays blocked, so that a test can kill the
client while it waits; a blocked request never reaches the server. Leaving the context closes everything.
"""

import contextlib
import hashlib
import selectors
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

_AT_ONCE = 1 << 20  # bytes: more than any request here, so that one comes in one piece


@dataclass(frozen=True, slots=True)
class Gate:
    """The first command that holds all ``words`` is stopped; with ``answer``, the first reply to such a one that holds it."""

    words: tuple[bytes, ...]
    answer: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sluice:
    """Where it listens, and whether the command is stopped by now."""

    port: int
    stopped: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)


def script(package: str, name: str, preludes: Sequence[str] = ()) -> bytes:
    """What EVALSHA calls one of our scripts."""
    parts = [*(files("smsrelay.store").joinpath(one) for one in preludes), files(package).joinpath(name)]
    source = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    return hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest().encode()


@contextlib.contextmanager
def sluice(target: int, gate: Gate) -> Iterator[Sluice]:
    """Open for the time of the context."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", target)) as server:  # killed
                if _pump(self.request, server, gate, opened.stopped):
                    opened.closed.wait()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Connection) as server:
        opened = Sluice(server.server_address[1])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield opened
        opened.closed.set()
        server.shutdown()


def _pump(client: socket.socket, server: socket.socket, gate: Gate, stopped: threading.Event) -> bool:
    """Pass on what comes until an end closes, or until the gate falls: then True."""
    asked = False
    with selectors.DefaultSelector() as both:
        both.register(client, selectors.EVENT_READ, server)
        both.register(server, selectors.EVENT_READ, client)
        while True:
            for key, _ in both.select():
                chunk: bytes = key.fileobj.recv(_AT_ONCE)  # type: ignore[union-attr]
                if not chunk:
                    return False
                if key.fileobj is client:
                    asked = all(word in chunk for word in gate.words)
                    falls = asked and gate.answer is None
                else:
                    falls = asked and gate.answer is not None and gate.answer in chunk
                if falls and not stopped.is_set():
                    stopped.set()
                    return True
                key.data.sendall(chunk)

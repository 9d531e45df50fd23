"""A forward proxy of a few lines: CONNECT and absolute URLs, with every host led to one local address.

Takes the address it leads to, the password it requires, and what goes wrong; records the request heads it received. It resolves
no names, so a host that does not exist stands for a vendor that only a proxy can reach.
"""

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_PATIENCE = 10.0  # seconds

Fault = Callable[[socket.socket], None]


@dataclass
class ForwardProxy:
    """What it does, and what it was asked."""

    leads_to: tuple[str, int]
    port: int = 0
    wanted: str | None = None  # Proxy-Authorization
    instead: Fault | None = None  # of leading anywhere
    cut: bool = False  # reset the client's connection as soon as the request was passed on
    asked: list[str] = field(default_factory=list)  # heads

    def url(self, user: str = "") -> str:
        """Its address; ``user`` as ``user:password@``."""
        return f"http://{user}127.0.0.1:{self.port}"


def answers(status: str) -> Fault:
    """A proxy that answers by itself."""
    return lambda client: client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


def says_nothing(client: socket.socket) -> None:
    """A proxy that takes the connection and never answers."""
    client.recv(1)  # returns when the client gives up


def hangs_up(client: socket.socket) -> None:
    """A proxy that closes at once."""


def says_garbage(client: socket.socket) -> None:
    """A proxy that is none."""
    client.sendall(b"SSH-2.0-OpenSSH\r\n")


class _Client(socketserver.BaseRequestHandler):
    proxy: ForwardProxy

    def handle(self) -> None:
        self.request.settimeout(_PATIENCE)
        with contextlib.suppress(OSError):  # a client that has gone is what some of these tests are about
            self._serve()

    def _serve(self) -> None:
        proxy, client = self.proxy, self.request
        head = _head(client)
        if not head:
            return
        proxy.asked.append(head)
        if proxy.instead is not None:
            proxy.instead(client)
        elif proxy.wanted is not None and f"Proxy-Authorization: {proxy.wanted}" not in head.split("\r\n"):
            answers("407 Proxy Authentication Required")(client)
        else:
            with socket.create_connection(proxy.leads_to, _PATIENCE) as server:
                self._lead(head, server)

    def _lead(self, head: str, server: socket.socket) -> None:
        if head.startswith("CONNECT "):
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            method, url, version = head.split("\r\n", 1)[0].split(" ")
            path = "/" + url.split("/", 3)[3]
            server.sendall(head.replace(f"{method} {url} {version}", f"{method} {path} {version}", 1).encode())
        back = threading.Thread(target=_pump, args=(server, self.request, self.proxy.cut), daemon=True)
        back.start()
        _pump(self.request, server, False)
        back.join(_PATIENCE)


def _head(client: socket.socket) -> str:
    """As far as the blank line, and no byte more."""
    held = b""
    while not held.endswith(b"\r\n\r\n"):
        part = client.recv(1)
        if not part:
            return ""
        held += part
    return held.decode("latin-1")


def _pump(source: socket.socket, target: socket.socket, cut: bool) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            if cut and (part.startswith(b"HTTP/") or part[:1] == b"\x17"):  # an answer, in clear or as TLS application data
                target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                target.shutdown(socket.SHUT_RD)  # wakes the other direction, whose end closes it
                return
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        request.close()


@contextmanager
def forward_proxy(leads_to: tuple[str, int]) -> Iterator[ForwardProxy]:
    """Run one on a free port."""
    proxy = ForwardProxy(leads_to)
    with _Server(("127.0.0.1", 0), type("Client", (_Client,), {"proxy": proxy})) as server:
        proxy.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()

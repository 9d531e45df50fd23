"""A vendor of a few lines behind a real socket, and the adapter that calls it.

Takes a reaction to each request: the bytes to answer, and what becomes of the connection. Records what it received.
"""

import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import IO, Any
from urllib.parse import parse_qsl

from smsrelay.contract.lanes import Lane
from smsrelay_worker.vendors.base import Answer, Submission
from smsrelay_worker.vendors.yisha.adapter import Yisha, YishaAccount
from smsrelay_worker.vendors.yisha.credentials import AppCode
from smsrelay_worker.vendors.yisha.http import open_session

NUMBER = "+8613800138000"
SUBMISSION = Submission("m-1", 1, Lane.OTP, NUMBER, "0000000", ("1234", "5"), "https://sms.example/callback/m-1/1/x")
ACCEPTED = b'{"code":"0000","msg":"\xe6\x88\x90\xe5\x8a\x9f","externalId":"ext-1","requestId":"req-1"}'


@dataclass(frozen=True)
class Received:
    """One request as it stood on the wire."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


Reaction = Callable[[socket.socket], bool]  # whether the connection is kept


def answer(body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = None) -> Reaction:
    """Answer in full; ``length`` may lie."""
    size = len(body) if length is None else length
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers, "", ""))

    def react(connection: socket.socket) -> bool:
        connection.sendall(head.encode() + body)
        return size == len(body)

    return react


def raw(text: bytes) -> Reaction:
    """Send these bytes and close."""

    def react(connection: socket.socket) -> bool:
        connection.sendall(text)
        return False

    return react


def close(connection: socket.socket) -> bool:
    return False


def reset(connection: socket.socket) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def silence(connection: socket.socket) -> bool:
    connection.recv(1)  # returns when the client gives up
    return False


def drip(connection: socket.socket) -> bool:
    """An answer that never stalls and never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    while True:
        try:
            connection.sendall(b" ")
        except OSError:
            return False
        threading.Event().wait(0.01)


@dataclass
class Script:
    """What the server does with each request, and what it got."""

    reaction: Reaction = field(default_factory=lambda: answer(ACCEPTED))
    before_request: Reaction | None = None  # runs as soon as the connection stands
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    url: str = ""


class Connection(socketserver.BaseRequestHandler):
    script: Script
    tls: ssl.SSLContext | None = None

    def setup(self) -> None:
        if self.tls is not None:
            self.request = self.tls.wrap_socket(self.request, server_side=True)

    def finish(self) -> None:
        if self.tls is not None:
            self.request.close()  # the server closes only what it handed over

    def handle(self) -> None:
        self.script.connections += 1
        if self.script.before_request:
            self.script.before_request(self.request)
            return
        with self.request.makefile("rb") as stream:
            while found := _read_request(stream):
                self.script.received.append(found)
                if not self.script.reaction(self.request):
                    return


def _read_request(stream: IO[bytes]) -> Received | None:
    request_line = stream.readline().decode()
    if not request_line:
        return None
    headers = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(": ")
        headers[name] = value
    return Received(request_line.split()[1], headers, stream.read(int(headers["Content-Length"])))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is what these tests are about."""

    def shutdown_request(self, request: socket.socket) -> None:
        request.close()  # without the usual shutdown, which would turn a reset into an orderly end


@contextmanager
def scripted_vendor(tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    """Run one on a free port, in clear or with ``tls``."""
    script = Script()
    handler = type("ScriptedConnection", (Connection,), {"script": script, "tls": tls})
    with Server(("127.0.0.1", 0), handler) as server:
        server.block_on_close = False
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def yisha(
    url: str,
    *,
    nonce: Callable[[], str] | None = None,
    wall_ms: Callable[[], int] = lambda: 1700000000000,
    measure: Callable[[], float] = time.monotonic,
    proxy: str | None = None,
    **account: Any,
) -> Iterator[Yisha]:
    """An adapter for both routes of one server; nonces count up unless given."""
    settings: dict[str, Any] = {"credentials": AppCode("code"), "connect_timeout": 5.0, "read_timeout": 5.0, **account}
    numbers = count(1)
    with open_session(8, proxy) as session:
        yield Yisha(
            YishaAccount(url, f"{url}/", **settings),
            session,
            nonce=nonce or (lambda: f"nonce-{next(numbers)}"),
            wall_ms=wall_ms,
            measure=measure,
        )


def submit(url: str, submission: Submission = SUBMISSION, **settings: Any) -> Answer:
    """One submit by a new adapter."""
    with yisha(url, **settings) as vendor:
        return vendor.submit(submission)

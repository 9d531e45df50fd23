"""A real server under the receiver's limits: what a caller may send, how long it may take, and how many there may be."""

import asyncio
import functools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from smsrelay.http.connection_limits import ConnectionLimits
from smsrelay.http.open_connections import OpenConnections, caller_network
from smsrelay.http.protocol import LimitedHttpProtocol
from tests.support.waiting import eventually

LIMITS = ConnectionLimits(head_bytes=2048, message_bytes=8192, head_seconds=0.5, body_seconds=0.5, connections=8, per_address=8)
DEADLINE = 20.0
MUCH = 64 * 1024 * 1024  # bytes
WHOLE = b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"


async def answer_length(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that reads the body, as the receiver does, and answers its length."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(length).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


async def answer_much(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An app that answers at once, and more than fits between two hosts."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(MUCH).encode())]})
    await send({"type": "http.response.body", "body": bytes(MUCH)})


@contextmanager
def serving(limits: ConnectionLimits, app: ASGIApp = answer_length) -> Iterator[int]:
    """A server on a port of its own."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    protocol = functools.partial(LimitedHttpProtocol, OpenConnections(limits, time.monotonic))
    config = uvicorn.Config(app, http=protocol, log_config=None, lifespan="off", ws="none", timeout_keep_alive=60)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    try:
        eventually(lambda: server.started, "the server listens", DEADLINE)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(DEADLINE)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(LIMITS) as listening:
        yield listening


def connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answer_of(connection: socket.socket) -> bytes:
    """All until the server closes."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:  # it closed while we were still sending
        pass
    return received


def exchange(port: int, *pieces: bytes) -> bytes:
    with closing(connected(port)) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except (ConnectionResetError, BrokenPipeError):
                break
        return answer_of(connection)


def one_answer(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    return received


def served(port: int) -> bool:
    with closing(connected(port)) as connection:
        connection.sendall(WHOLE)
        return one_answer(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        b"POST /x HTTP/1.1\r\n" + b"a: b\r\n" * 100_000,
        b"POST /x HTTP/1.1\r\nlong: " + b"v" * 1_000_000,
        b"POST /x HTTP/1.1\r\n" + b"n" * 1_000_000,
        b"POST /" + b"x" * 1_000_000,
        b"POST /x HTTP/1.1\r\n" + b"a: b\r\n" * 400 + b"\r\n",
    ],
    ids=["headers without end", "a value without end", "a name without end", "a URL without end", "a whole head in one piece"],
)
def test_a_head_that_is_too_long_is_answered_431_before_it_is_complete(port: int, head: bytes) -> None:
    assert exchange(port, head).startswith(b"HTTP/1.1 431 ")
    assert served(port)


def test_a_head_up_to_the_limit_is_served_in_one_piece_or_byte_by_byte(port: int) -> None:
    filler = b"x" * (LIMITS.head_bytes - 100)
    whole = b"POST /x HTTP/1.1\r\nconnection: close\r\nf: " + filler + b"\r\ncontent-length: 3\r\n\r\nabc"
    assert exchange(port, whole).endswith(b"3")
    assert exchange(port, *(whole[at : at + 40] for at in range(0, len(whole), 40))).endswith(b"3")


@pytest.mark.parametrize("begun", [b"", b"P", b"POST /x HTTP/1.1\r\nhost: a\r\n"], ids=["nothing", "a byte", "half a head"])
def test_a_head_that_is_not_complete_in_time_is_answered_408(port: int, begun: bytes) -> None:
    assert exchange(port, begun).startswith(b"HTTP/1.1 408 ")


def test_a_head_that_trickles_is_answered_408_although_something_comes_all_the_time(port: int) -> None:
    with closing(connected(port)) as connection:
        connection.settimeout(0.05)
        connection.sendall(b"POST /x HTTP/1.1\r\n")

        def answered() -> bytes:
            try:
                connection.sendall(b"a")
                return connection.recv(100)
            except TimeoutError:
                return b""

        assert eventually(answered, "it is answered", DEADLINE).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_is_not_complete_in_time_is_answered_408(port: int) -> None:
    assert exchange(port, WHOLE[:-1]).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "rest",
    [b"5;" + b"x" * 100_000, b"0\r\n" + b"trailer: x\r\n" * 10_000, b"1\r\na\r\n" * 10_000],
    ids=["an extension without end", "trailers without end", "chunks of a byte"],
)
def test_a_chunked_body_that_is_longer_than_what_it_holds_is_bounded(port: int, rest: bytes) -> None:
    head = b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    assert exchange(port, head, *(rest[at : at + 4000] for at in range(0, len(rest), 4000))).split(b" ")[1] in {b"413", b"400"}
    assert served(port)


@pytest.mark.parametrize("request_line", [b"\x16\x03\x01", b"GET\r\n\r\n", b"POST /x HTTP/9.9\r\n\r\n"])
def test_what_is_no_http_is_answered_400_and_logged_in_a_line_a_second(port: int, request_line: bytes) -> None:
    with capture_logs() as logged:
        for _ in range(20):
            assert exchange(port, request_line).startswith(b"HTTP/1.1 400 ")
        eventually(lambda: sum(line.get("malformed", 0) for line in logged) == 20, "all are counted", DEADLINE)
    assert {line["event"] for line in logged} == {"connections.refused"}
    assert len(logged) < 20


def test_requests_that_follow_each_other_at_once_are_all_answered(port: int) -> None:
    with closing(connected(port)) as connection:
        connection.sendall(WHOLE * 50 + WHOLE.replace(b"host: a", b"connection: close"))
        assert answer_of(connection).count(b"HTTP/1.1 200") == 51


def test_no_more_than_so_many_requests_wait_behind_an_unanswered_one(port: int) -> None:
    with capture_logs() as logged:
        assert exchange(port, WHOLE * 1000).count(b"HTTP/1.1 200") <= LIMITS.pipelined
        eventually(lambda: sum(line.get("too_many_requests_at_once", 0) for line in logged), "it is counted", DEADLINE)
    assert served(port)


def test_a_caller_who_does_not_read_its_answer_is_let_go() -> None:
    limits = ConnectionLimits(answer_seconds=0.2)
    with serving(limits, answer_much) as port, closing(connected(port)) as deaf, capture_logs() as logged:
        deaf.sendall(WHOLE)
        eventually(lambda: sum(line.get("answer_not_read", 0) for line in logged), "it is counted", DEADLINE)
        assert answer_of(deaf).startswith(b"HTTP/1.1 200 ")


def test_a_caller_who_is_refused_and_does_not_read_is_let_go() -> None:
    """Closing would wait for it, and keep its file open."""
    limits = ConnectionLimits(answer_seconds=3600, body_seconds=0.2, refused_seconds=0.2)
    with serving(limits, answer_much) as port, closing(connected(port)) as deaf, capture_logs() as logged:
        deaf.sendall(WHOLE[:-1])
        eventually(lambda: sum(line.get("body_too_slow", 0) for line in logged), "it is refused", DEADLINE)
        assert len(answer_of(deaf)) < MUCH


def test_connections_that_send_nothing_do_not_keep_a_caller_out() -> None:
    patient = ConnectionLimits(head_seconds=3600, connections=8, per_address=8)
    with serving(patient) as port, ExitStack() as silent:
        for _ in range(patient.connections):
            silent.enter_context(closing(connected(port))).sendall(b"POST /x HTTP/1.1\r\n")
        eventually(lambda: served(port), "the oldest gives way", DEADLINE)


def test_kept_connections_give_way_to_a_newcomer() -> None:
    with serving(ConnectionLimits(connections=4, per_address=4)) as port, ExitStack() as kept:
        for _ in range(4):
            connection = kept.enter_context(closing(connected(port)))
            connection.sendall(WHOLE)
            assert one_answer(connection).startswith(b"HTTP/1.1 200")
        assert served(port)


def test_one_address_has_a_share_of_all_connections() -> None:
    limits = ConnectionLimits(head_seconds=3600, yields_after=3600, connections=100, per_address=5)
    with serving(limits) as port, ExitStack() as open_ones, capture_logs() as logged:
        for _ in range(limits.per_address):
            open_ones.enter_context(closing(connected(port))).sendall(b"POST")
        assert exchange(port, WHOLE).startswith(b"HTTP/1.1 503 ")
        eventually(lambda: logged, "it is logged", DEADLINE)
    assert logged[0]["too_many_connections_from_one_address"] == 1


def test_more_connections_than_files_leave_the_server_able_to_serve() -> None:
    limits = ConnectionLimits(connections=64, per_address=64, head_seconds=0.5)
    with serving(limits) as port:
        with ExitStack() as flood:
            for _ in range(1000):
                try:
                    flood.enter_context(closing(connected(port))).sendall(b"POST /x HTTP/1.1\r\na: b")
                except (ConnectionResetError, BrokenPipeError):
                    continue
        eventually(lambda: served(port), "it serves", DEADLINE)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_a_caller_is_an_ipv4_address_or_a_network_of_ipv6(address: str, network: str) -> None:
    assert caller_network(address) == network


OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"


@pytest.mark.parametrize(
    "request_", [WHOLE, b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_offer_of_another_protocol_is_ignored_and_the_body_is_read(port: int, request_: bytes, size: int) -> None:
    """As the HTTP client of Java's library sends it with its first request over http://."""
    offered = request_.replace(b"host: a\r\n", b"host: a\r\n" + OFFER)
    last = offered.replace(b"connection: ", b"connection: close, ")
    sent = offered + request_ + last
    received = exchange(port, *(sent[at : at + size] for at in range(0, len(sent), size)))
    assert received.count(b"HTTP/1.1 200 OK") == received.count(b"\r\n\r\n3") == 3
    assert b"\r\nupgrade" not in received.lower()


def test_a_request_with_such_an_offer_has_the_same_limits(port: int) -> None:
    long = b"POST /x HTTP/1.1\r\n" + OFFER + b"f: " + b"x" * LIMITS.head_bytes + b"\r\n\r\n"
    assert exchange(port, long).startswith(b"HTTP/1.1 431 ")
    large = b"POST /x HTTP/1.1\r\n" + OFFER + b"content-length: 1000000\r\n\r\n" + b"x" * 20_000
    assert exchange(port, large).startswith(b"HTTP/1.1 413 ")
    assert served(port)


def test_a_request_for_a_tunnel_is_answered_400(port: int) -> None:
    assert exchange(port, b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n").startswith(b"HTTP/1.1 400 ")

"""The receiver behind a real server: what each request is answered with, and what reaches the queue."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
import requests
import uvicorn
from hypothesis import HealthCheck, given, settings
from structlog.testing import capture_logs

from producers.event import StatusEvent
from producers.forward import Kept
from producers.receiver import create_app
from producers.spool import SpoolFull
from producers.token import CallbackToken
from tests.waiting import eventually

SECRET = b"0123456789abcdef"
NOW = 1_700_000_000_000
LIMIT = 2048
DEADLINE = 10
TOKEN = CallbackToken("018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b", 2)
PATH = TOKEN.path(SECRET)
MAC = PATH.rsplit("/", 1)[1]
NUMBER = "13800138000"
BODY = json.dumps({"external_id": "e1", "mobile": NUMBER, "status": {"updated_on": NOW, "code": 200}}).encode()


@dataclass
class Keeper:
    """Keeps events while it is up."""

    up: bool = True
    events: list[StatusEvent] = field(default_factory=list)

    async def keep(self, event: StatusEvent) -> Kept:
        if not self.up:
            raise SpoolFull("full")
        self.events.append(event)
        return Kept.ENQUEUED

    def ready(self) -> bool:
        return self.up


@dataclass(frozen=True)
class Served:
    """A receiver on a port of its own."""

    port: int
    keeper: Keeper
    http: requests.Session

    def call(self, method: str, path: str, **options: object) -> requests.Response:
        url = f"http://127.0.0.1:{self.port}{path}"
        return self.http.request(method, url, timeout=DEADLINE, allow_redirects=False, **options)  # type: ignore[arg-type]

    def post(self, path: str = PATH, body: bytes = BODY) -> requests.Response:
        return self.call("POST", path, data=body)

    def send_raw(self, request: bytes) -> bytes:
        """The first bytes the server answers to an unfinished request."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as connection:
            connection.sendall(request)
            return connection.recv(4096)


@contextmanager
def serve(unsigned: bool = False) -> Iterator[Served]:
    keeper = Keeper()
    app = create_app(keeper.keep, keeper.ready, SECRET, lambda: NOW, max_body=LIMIT, unsigned=unsigned)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with requests.Session() as http:
            http.trust_env = False
            yield Served(_port(server), keeper, http)
    finally:
        server.should_exit = True
        thread.join(DEADLINE)


def _port(server: uvicorn.Server) -> int:
    eventually(lambda: server.started, "the receiver starts")
    return int(server.servers[0].sockets[0].getsockname()[1])


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with serve() as served:
        yield served


@pytest.fixture(scope="module")
def running_unsigned() -> Iterator[Served]:
    with serve(unsigned=True) as served:
        yield served


@pytest.fixture
def receiver(running: Served) -> Served:
    running.keeper.up = True
    running.keeper.events.clear()
    return running


@pytest.fixture
def open_receiver(running_unsigned: Served) -> Served:
    running_unsigned.keeper.events.clear()
    return running_unsigned


def test_a_callback_is_answered_with_200_once_its_event_is_kept(receiver: Served) -> None:
    assert receiver.post().status_code == 200
    assert receiver.keeper.events == [
        StatusEvent(
            message_id=TOKEN.message_id,
            attempt=2,
            external_id="e1",
            code="200",
            updated_on=NOW,
            received_at=NOW,
        )
    ]


@pytest.mark.parametrize(
    "path",
    [
        PATH[:-1] + ("A" if PATH[-1] != "A" else "B"),
        PATH.replace("/2/", "/3/"),
        PATH.replace("/2/", "/two/"),
        PATH.replace("/2/", "/02/"),
        PATH.replace("018f", "118f"),
        CallbackToken(TOKEN.message_id, 2).path(b"another secret.."),
        f"/callback/{TOKEN.message_id}/2/%FF%00",
        f"/callback/a%3A1/2/{MAC}",
        f"/callback/{TOKEN.message_id}/2",
        PATH + "/",
        PATH + "/more",
        "/callback",
        "/callback/",
        "/",
    ],
)
def test_a_path_we_did_not_write_is_not_found(receiver: Served, path: str) -> None:
    assert receiver.post(path).status_code == 404
    assert receiver.keeper.events == []


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b'{"status":{}}', b"\xff" * 99, b"[" * LIMIT, b'{"a":' * 400])
def test_an_unreadable_body_is_a_bad_request(receiver: Served, body: bytes) -> None:
    assert receiver.post(body=body).status_code == 400
    assert receiver.keeper.events == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_a_callback_path_takes_nothing_but_post(receiver: Served, method: str) -> None:
    assert receiver.call(method, PATH).status_code == 405


def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_not(receiver: Served) -> None:
    assert receiver.post(body=BODY.ljust(LIMIT)).status_code == 200
    assert receiver.post(body=BODY.ljust(LIMIT + 1)).status_code == 413


def test_a_body_declared_too_large_is_refused_unread(receiver: Served) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: receiver\r\nContent-Length: {LIMIT + 1}\r\n\r\n"
    assert receiver.send_raw(head.encode()).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_grows_too_large_is_refused_before_it_ends(receiver: Served) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: receiver\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = f"{LIMIT + 1:x}\r\n".encode() + b" " * (LIMIT + 1) + b"\r\n"
    assert receiver.send_raw(head.encode() + chunk).startswith(b"HTTP/1.1 413 ")


def test_a_body_in_chunks_is_read(receiver: Served) -> None:
    assert receiver.call("POST", PATH, data=iter([BODY[:9], BODY[9:]])).status_code == 200


def test_a_caller_that_hangs_up_half_way_enqueues_nothing_and_harms_nobody(receiver: Served) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: receiver\r\nContent-Length: {len(BODY)}\r\n\r\n"
    with capture_logs() as logs:
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=DEADLINE) as connection:
            connection.sendall(head.encode() + BODY[:-1])
        eventually(lambda: any(entry["event"] == "callback.cut_off" for entry in logs), "the receiver notices")
    assert receiver.keeper.events == []
    assert receiver.post().status_code == 200


def test_while_nothing_keeps_it_the_vendor_is_asked_to_call_again(receiver: Served) -> None:
    receiver.keeper.up = False
    answer = receiver.post()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    receiver.keeper.up = True
    assert receiver.post().status_code == 200


def test_the_process_is_healthy_while_it_is_not_ready(receiver: Served) -> None:
    assert receiver.call("GET", "/readyz").status_code == 200
    receiver.keeper.up = False
    assert receiver.call("GET", "/readyz").status_code == 503
    assert receiver.call("GET", "/healthz").status_code == 200


def test_neither_answers_nor_logs_repeat_the_body_or_the_token(receiver: Served) -> None:
    forged = f"/callback/{NUMBER}/1/{MAC}"
    with capture_logs() as logs:
        answers = [
            receiver.post(),
            receiver.post(body=b'{"mobile":"' + NUMBER.encode()),
            receiver.post(body=json.dumps({"code": NUMBER}).encode()),
            receiver.post(body=NUMBER.encode() * 999),
            receiver.post(forged),
        ]
        receiver.keeper.up = False
        answers.append(receiver.post())
    assert [answer.status_code for answer in answers] == [200, 400, 400, 413, 404, 503]
    assert len(logs) == len(answers) - 1
    said = repr(logs) + repr([(answer.text, answer.headers) for answer in answers])
    assert NUMBER not in said
    assert MAC not in said


def test_what_is_wrong_is_logged_with_message_and_attempt(receiver: Served) -> None:
    with capture_logs() as logs:
        receiver.post(body=b"{}")
    assert [(entry["event"], entry["message_id"], entry["attempt"]) for entry in logs] == [
        ("callback.unreadable", TOKEN.message_id, 2)
    ]


def test_an_unsigned_callback_is_taken_by_its_external_id_where_that_is_allowed(open_receiver: Served) -> None:
    assert open_receiver.post("/callback").status_code == 200
    assert open_receiver.post(PATH).status_code == 200
    assert open_receiver.post("/callback", b'{"code":200}').status_code == 400
    assert open_receiver.call("GET", "/callback").status_code == 405
    assert [(event.message_id, event.external_id) for event in open_receiver.keeper.events] == [
        (None, "e1"),
        (TOKEN.message_id, "e1"),
    ]


near_reports = st.dictionaries(
    st.sampled_from(["code", "status", "updated_on", "external_id", "price", "mobile"]),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda inner: st.dictionaries(st.sampled_from(["code", "updated_on"]), inner),
        max_leaves=4,
    ),
).map(lambda fields: json.dumps(fields).encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.binary(), st.binary(min_size=LIMIT, max_size=LIMIT + 9), near_reports))
def test_any_bytes_as_a_body_are_answered_with_200_400_or_413(receiver: Served, body: bytes) -> None:
    before = len(receiver.keeper.events)
    status = receiver.post(body=body).status_code
    assert status in {200, 400, 413}
    assert len(receiver.keeper.events) - before == (status == 200)

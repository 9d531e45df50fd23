"""The client of one webhook against a real socket: what each behaviour of an endpoint comes to."""

import base64
import json
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from smsrelay import logs
from smsrelay_worker.outcomes.answer import Answer, Verdict, failed
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.outcomes.http_pool import tls_context
from smsrelay_worker.outcomes.webhook import Webhook
from tests.support.certificates import Authority
from tests.support.scripted_vendor import Reaction, Script, answer, close, drip, raw, reset, scripted_vendor, silence

KEY = b"k" * 24
EVENT = Event(
    "msg_018f_3", {"type": "message.failed", "timestamp": "2026-11-28T12:00:00.000Z", "data": {"id": "018f", "zh": "空号"}}
)


@pytest.fixture
def endpoint() -> Iterator[Script]:
    with scripted_vendor() as script:
        script.reaction = answer()
        yield script


def deliver(url: str, **options: Any) -> Answer:
    [found] = Webhook(url, [KEY], **{"private": True, "timeout": 5.0, **options}).deliver([EVENT])
    return found


def endless_continue(connection: socket.socket) -> bool:
    while True:
        try:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 20)
        except OSError:
            return False


def trickling_head(connection: socket.socket) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        try:
            connection.sendall(b"x")
        except OSError:
            return False
        time.sleep(0.02)


def test_an_event_is_posted_whole_and_signed(endpoint: Script) -> None:
    assert deliver(f"{endpoint.url}/hooks/sms?shop=1") == Answer(Verdict.TAKEN, "200")
    [got] = endpoint.received
    assert got.path == "/hooks/sms?shop=1"
    assert got.headers["Content-Type"] == "application/json"
    assert Verifier(base64.b64encode(KEY).decode()).verify(got.body, got.headers) == EVENT.content
    assert json.loads(got.body) == EVENT.content


def test_two_events_use_one_connection(endpoint: Script) -> None:
    endpoint.reaction = answer(b'{"ok": true}')
    webhook = Webhook(endpoint.url, [KEY], private=True)
    assert all(one.taken for one in webhook.deliver([EVENT] * 3))
    assert endpoint.connections == 1
    assert endpoint.received[0].body == endpoint.received[2].body


def test_a_long_answer_is_taken_and_costs_its_connection(endpoint: Script) -> None:
    endpoint.reaction = answer(b"x" * 100_000)
    webhook = Webhook(endpoint.url, [KEY], private=True)
    assert all(one.taken for one in webhook.deliver([EVENT] * 2))
    assert endpoint.connections == 2


@pytest.mark.parametrize(
    ("reaction", "found"),
    [
        (answer(status="204 No Content"), Answer(Verdict.TAKEN, "204")),
        (answer(status="500 Oops"), Answer(Verdict.FAILED, "500")),
        (answer(b"", "Location: /elsewhere", status="302 Found"), Answer(Verdict.FAILED, "302")),
        (answer(b"", "Location: http://[", status="301 Moved"), Answer(Verdict.FAILED, "301")),
        (answer(status="410 Gone"), Answer(Verdict.GONE, "410")),
        (answer(b"", "Retry-After: 30", status="429 Slow"), Answer(Verdict.SLOW_DOWN, "429", 30)),
        (answer(status="503 Down"), failed("503")),
        (close, Answer(Verdict.FAILED, "connection closed without an answer")),
        (reset, Answer(Verdict.FAILED, "connection lost")),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), Answer(Verdict.FAILED, "not an HTTP answer")),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n"), Answer(Verdict.FAILED, "not an HTTP answer")),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000), Answer(Verdict.FAILED, "not an HTTP answer")),
    ],
)
def test_whatever_an_endpoint_answers_is_one_result(endpoint: Script, reaction: Reaction, found: Answer) -> None:
    endpoint.reaction = reaction
    assert deliver(endpoint.url) == found


def test_a_redirect_is_not_followed(endpoint: Script) -> None:
    endpoint.reaction = answer(b"", f"Location: {endpoint.url}/elsewhere", status="307 Temporary Redirect")
    deliver(endpoint.url)
    assert [got.path for got in endpoint.received] == ["/"]


@pytest.mark.parametrize("reaction", [silence, trickling_head, endless_continue])
def test_an_endpoint_that_does_not_come_to_an_end_meets_the_deadline(endpoint: Script, reaction: Reaction) -> None:
    endpoint.reaction = reaction
    assert deliver(endpoint.url, timeout=0.5) == Answer(Verdict.FAILED, "timeout")


def test_an_answer_whose_body_trickles_was_taken(endpoint: Script) -> None:
    endpoint.reaction = drip
    assert deliver(endpoint.url, timeout=0.5) == Answer(Verdict.TAKEN, "200")


def test_a_connection_that_the_endpoint_had_closed_is_replaced(endpoint: Script) -> None:
    endpoint.reaction = lambda connection: answer()(connection) and False
    webhook = Webhook(endpoint.url, [KEY], private=True)
    assert all(one.taken for one in webhook.deliver([EVENT] * 3))


def test_nobody_there_is_said_in_words(closed_port: int) -> None:
    assert deliver(f"http://127.0.0.1:{closed_port}/") == Answer(Verdict.FAILED, "connection refused")
    assert deliver("http://no-such-host.invalid/") == Answer(Verdict.FAILED, "host not found")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
def test_a_private_address_is_refused_before_a_byte_is_sent(endpoint: Script, host: str) -> None:
    port = endpoint.url.rpartition(":")[2]
    found = deliver(f"http://{host}:{port}/", private=False)
    assert found == Answer(Verdict.FAILED, "private address refused")
    assert endpoint.connections == 0


def test_a_proxy_of_the_environment_is_not_used(endpoint: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_vendor() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert deliver(endpoint.url).taken
        assert proxy.connections == 0


def test_nothing_of_the_url_reaches_the_log(endpoint: Script, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint.reaction = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nno colon here\r\n\r\n")
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.set_up()
    try:
        deliver(f"{endpoint.url}/?token=hidden")
    finally:
        root.handlers, root.level = handlers, level
    assert "hidden" not in capsys.readouterr().err


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("ca"))


@contextmanager
def https_endpoint(authority: Authority, name: str, *addresses: str) -> Iterator[str]:
    """The URL of an endpoint whose certificate the authority issued for these addresses."""
    own = authority.signs(name, *addresses)
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(own.cert, own.key)
    with scripted_vendor(served) as script:
        script.reaction = answer()
        yield script.url.replace("http://", "https://")


def test_an_endpoint_that_a_trusted_authority_vouches_for_is_posted_to(authority: Authority) -> None:
    trusting = tls_context()
    trusting.load_verify_locations(authority.ca)
    with https_endpoint(authority, "shop", "IP:127.0.0.1") as url:
        assert deliver(url, tls=trusting) == Answer(Verdict.TAKEN, "200")


def test_an_endpoint_that_nobody_vouches_for_is_refused(authority: Authority) -> None:
    with https_endpoint(authority, "shop", "IP:127.0.0.1") as url:
        assert deliver(url) == Answer(Verdict.FAILED, "certificate not valid")


def test_a_certificate_for_another_host_is_refused(authority: Authority) -> None:
    trusting = tls_context()
    trusting.load_verify_locations(authority.ca)
    with https_endpoint(authority, "elsewhere", "IP:127.0.0.2") as url:
        assert deliver(url, tls=trusting) == Answer(Verdict.FAILED, "certificate not valid")

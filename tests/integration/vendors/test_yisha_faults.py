"""The adapter when no answer comes, or only a part of one: was the request surely not sent, or perhaps?"""

import socket

import pytest

from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.scripted_vendor import (
    ACCEPTED,
    SUBMISSION,
    Reaction,
    Script,
    answer,
    close,
    drip,
    raw,
    reset,
    silence,
    submit,
    yisha,
)


def test_a_refused_connection_is_certainly_not_sent() -> None:
    with socket.socket() as bound_but_not_listening:
        bound_but_not_listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound_but_not_listening.getsockname()[1]}"
        assert submit(url) == Answer(Kind.UNREACHABLE, "connect_error")


@pytest.mark.parametrize(
    ("before", "codes"),
    [
        (raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), {"tls_error"}),
        (close, {"tls_error", "connection_reset"}),
        (reset, {"tls_error", "connection_reset"}),
    ],
)
def test_a_failed_tls_handshake_is_certainly_not_sent(script: Script, before: Reaction, codes: set[str]) -> None:
    def after_the_first_flight(connection: socket.socket) -> bool:
        connection.recv(4096)
        return before(connection)

    script.before_request = after_the_first_flight
    answered = submit(script.url.replace("http:", "https:"))
    assert answered.kind is Kind.UNREACHABLE
    assert answered.code in codes


def test_a_tls_handshake_that_never_ends_is_certainly_not_sent(script: Script) -> None:
    def swallow(connection: socket.socket) -> bool:
        while connection.recv(4096):
            pass
        return False

    script.before_request = swallow
    answered = submit(script.url.replace("http:", "https:"), connect_timeout=0.2)
    assert answered.kind is Kind.UNREACHABLE


@pytest.mark.parametrize(
    ("reaction", "code"),
    [
        (close, "connection_reset"),
        (reset, "connection_reset"),
        (silence, "read_timeout"),
        (drip, "read_timeout"),
        (raw(b"\x00\x01\x02 garbage\r\n\r\n"), "broken_answer"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "broken_answer"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"), "invalid_header"),
        (answer(b"not gzip", "Content-Encoding: gzip"), "broken_answer"),
        (answer(ACCEPTED, length=500), "broken_answer"),
    ],
)
def test_a_request_that_was_written_and_not_answered_is_uncertain(script: Script, reaction: Reaction, code: str) -> None:
    script.reaction = reaction
    assert submit(script.url, read_timeout=0.2) == Answer(Kind.UNCERTAIN, code)
    assert len(script.received) == 1, "submitted once and never again"


def test_a_kept_connection_that_the_server_resets_under_the_next_request_is_uncertain(script: Script) -> None:
    with yisha(script.url) as vendor:
        vendor.submit(SUBMISSION)
        script.reaction = reset
        assert vendor.submit(SUBMISSION) == Answer(Kind.UNCERTAIN, "connection_reset")
    assert (script.connections, len(script.received)) == (1, 2)


def test_the_request_id_survives_an_answer_that_breaks_off(script: Script) -> None:
    script.reaction = answer(b"{", "X-Ca-Request-Id: gw-1", length=9)
    assert submit(script.url).request_id == "gw-1"


def test_a_url_that_only_the_transport_rejects_halts() -> None:
    assert submit("http://" + "a" * 300) == Answer(Kind.HALTED, "invalid_url")

"""The doctor calls the callback URL: whoever answers there, or does not, is told apart."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smsrelay.contract.key_ring import KeyRing
from smsrelay_worker.operations.doctor.finding import Finding, Severity
from smsrelay_worker.operations.doctor.traffic.callback import examine_callback
from tests.support.served import KEYS, Served, serve


@pytest.fixture(scope="module")
def receiver() -> Iterator[Served]:
    with serve() as served:
        yield served


@contextmanager
def answering(answer: bytes | Callable[[bytes], bytes], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that answers every request so; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        talking = tls.wrap_socket(connection, server_side=True) if tls else connection
                        request = talking.recv(65536)
                        talking.sendall(answer if isinstance(answer, bytes) else answer(request))
                    except OSError:  # the other side did not trust us
                        continue

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def http(status: str, body: str = "", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode()


def only(found: list[Finding]) -> tuple[Severity, str]:
    [one] = found
    assert one.check == "callback"
    assert "smsrelay-probe" not in repr(one)  # a true path of ours
    assert KEYS.newest.decode() not in repr(one)
    return one.severity, one.problem


def test_a_reachable_receiver_has_no_findings(receiver: Served) -> None:
    for base in ("", "/", "/sms", "/sms/"):
        assert examine_callback(receiver.url + base, KEYS) == []
    assert receiver.keeper.count == 0
    assert examine_callback(None, KEYS) == []


def test_a_receiver_with_other_keys_is_found(receiver: Served) -> None:
    severity, problem = only(examine_callback(receiver.url, KeyRing(b"another key 4711")))
    assert severity is Severity.ERROR
    assert "other SMSRELAY_CALLBACK_KEYS" in problem


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http("404 Not Found", "<html>nginx</html>"), "does not know the path (404)"),
        (http("200 OK", "Hello"), "is not our receiver"),
        (http("301 Moved", headers="Location: https://elsewhere/\r\n"), "redirects (301)"),
        (http("401 Unauthorized"), "asks for a password"),
        (http("403 Forbidden"), "forbids the request"),
        (http("405 Method Not Allowed"), "does not accept POST"),
        (http("502 Bad Gateway"), "does not reach the receiver (502)"),
        (http("418 Teapot"), "answers 418"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "does not speak HTTP"),
    ],
)
def test_an_answer_from_another_server_is_an_error(answer: bytes, words: str) -> None:
    with answering(answer) as address:
        severity, problem = only(examine_callback(f"http://{address}", KEYS))
    assert severity is Severity.ERROR
    assert words in problem


def test_an_address_at_which_nothing_listens_is_a_warning_as_seen_from_this_host(closed_port: int) -> None:
    severity, problem = only(examine_callback(f"http://127.0.0.1:{closed_port}", KEYS))
    assert severity is Severity.WARNING
    assert "refused" in problem
    assert "from this host" in problem


def test_a_server_that_never_answers_is_not_waited_for() -> None:
    never = threading.Event()

    def wait(_request: bytes) -> bytes:
        never.wait(10)
        return b""

    with answering(wait) as address:
        severity, problem = only(examine_callback(f"http://{address}", KEYS, timeout=0.2))
        never.set()
    assert severity is Severity.WARNING
    assert "does not answer" in problem


@pytest.mark.parametrize("host", ["smsrelay.invalid", "a..b", "x" * 70 + ".invalid"])
def test_a_host_without_an_address_is_an_error(host: str) -> None:
    severity, problem = only(examine_callback(f"http://{host}", KEYS))
    assert severity is Severity.ERROR
    assert "DNS" in problem


def test_an_untrusted_certificate_is_an_error(tmp_path: Path) -> None:
    named = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *files, *named], check=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    with answering(http("200 OK"), tls) as address:
        severity, problem = only(examine_callback(f"https://{address}", KEYS))
    assert severity is Severity.ERROR
    assert "certificate is not valid: self-signed certificate" in problem


def test_plain_http_where_tls_is_expected_is_an_error() -> None:
    with answering(http("200 OK")) as address:
        severity, problem = only(examine_callback(f"https://{address}", KEYS))
    assert severity is Severity.ERROR
    assert "TLS failed" in problem

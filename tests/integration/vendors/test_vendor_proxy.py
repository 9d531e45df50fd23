"""Submits through a forward proxy, real sockets all the way: what the proxy sees, and what is surely not sent when it fails."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.vendors.base import Answer, Kind
from smsrelay_worker.vendors.factory import create_vendor
from tests.support.forward_proxy import (
    Fault,
    ForwardProxy,
    answers,
    forward_proxy,
    hangs_up,
    says_garbage,
    says_nothing,
)
from tests.support.scripted_vendor import ACCEPTED, NUMBER, SUBMISSION, Script, answer, close, scripted_vendor, submit, yisha

VENDOR = "vendor.example"  # nobody resolves it: only the proxy reaches it
CLEAR, SECURE = f"http://{VENDOR}", f"https://{VENDOR}"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key of the vendor."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "vendor.pem", folder / "vendor.key"
    names = f"subjectAltName=DNS:{VENDOR},IP:127.0.0.1"
    options = ("-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={VENDOR}", "-addext", names)
    command = ["openssl", "req", "-x509", *options, "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_vendor() as running:
        yield running


@pytest.fixture
def secure_script(certificate: tuple[Path, Path]) -> Iterator[Script]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with scripted_vendor(context) as running:
        yield running


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The HTTP library's own list of authorities, which nothing of ours can change, holds the vendor's certificate."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate[0]))


@pytest.fixture
def proxy(script: Script) -> Iterator[ForwardProxy]:
    with forward_proxy(_address(script)) as running:
        yield running


@pytest.fixture
def secure_proxy(secure_script: Script) -> Iterator[ForwardProxy]:
    with forward_proxy(_address(secure_script)) as running:
        yield running


def _address(script: Script) -> tuple[str, int]:
    parts = urlsplit(script.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def test_a_secure_vendor_is_reached_through_a_tunnel_that_shows_the_proxy_nothing(
    secure_script: Script, secure_proxy: ForwardProxy, trusted: None
) -> None:
    with yisha(SECURE, proxy=secure_proxy.url()) as through:
        assert [through.submit(SUBMISSION) for _ in range(2)] == [Answer(Kind.ANSWERED, "0000", "ext-1", "req-1")] * 2
        assert through.pull("ext-1") == ACCEPTED
    [head] = secure_proxy.asked  # one tunnel, kept
    assert head.startswith(f"CONNECT {VENDOR}:443 HTTP/1.")
    for secret in ("code", "APPCODE", NUMBER[1:], "/comms"):
        assert secret not in head
    assert [request.path for request in secure_script.received] == [
        *("/comms/sms/sendmsg", "/comms/sms/sendmsg", "/comms/sms/pullSmsSendStatus")
    ]
    assert secure_script.received[0].headers["Host"] == VENDOR
    assert secure_script.received[0].headers["Authorization"] == "APPCODE code"
    assert "Proxy-Authorization" not in secure_script.received[0].headers


def test_a_plain_http_vendor_is_requested_by_its_whole_url(script: Script, proxy: ForwardProxy) -> None:
    assert submit(CLEAR, proxy=proxy.url()) == Answer(Kind.ANSWERED, "0000", "ext-1", "req-1")
    assert proxy.asked[0].startswith(f"POST {CLEAR}/comms/sms/sendmsg HTTP/1.1\r\n")
    assert script.received[0].headers["Host"] == VENDOR
    assert script.received[0].form["mobile"] == NUMBER


@pytest.mark.parametrize("user", ["user:p%40ss%2Fw%3Ard@", "user:p%40ss%2Fw%3ard@"])
def test_the_proxy_gets_its_user_and_password_unquoted_and_the_vendor_does_not(
    secure_script: Script, secure_proxy: ForwardProxy, trusted: None, user: str
) -> None:
    secure_proxy.wanted = "Basic dXNlcjpwQHNzL3c6cmQ="  # user:p@ss/w:rd
    assert submit(SECURE, proxy=secure_proxy.url(user)).code == "0000"
    assert "Proxy-Authorization" not in secure_script.received[0].headers


@pytest.mark.parametrize("url", [CLEAR, SECURE])
def test_a_proxy_that_cannot_be_reached_is_certainly_not_sent(url: str) -> None:
    assert submit(url, proxy="http://127.0.0.1:1") == Answer(Kind.UNREACHABLE, "proxy_error")


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        (answers("407 Proxy Authentication Required"), {"proxy_error"}),
        (answers("403 Forbidden"), {"proxy_error"}),
        (answers("502 Bad Gateway"), {"proxy_error"}),
        (answers("504 Gateway Timeout"), {"proxy_error"}),
        (hangs_up, {"connection_reset"}),
        (says_garbage, {"broken_answer"}),
        (says_nothing, {"read_timeout"}),
    ],
    ids=["407", "403", "502", "504", "hangs up", "garbage", "nothing"],
)
def test_a_tunnel_that_the_proxy_does_not_open_is_certainly_not_sent(
    secure_script: Script, secure_proxy: ForwardProxy, trusted: None, fault: Fault, codes: set[str]
) -> None:
    secure_proxy.instead = fault
    answered = submit(SECURE, proxy=secure_proxy.url(), connect_timeout=0.5)
    assert (answered.kind, answered.code in codes) == (Kind.UNREACHABLE, True), answered
    assert secure_script.received == []


def test_a_tunnel_to_a_server_without_the_vendors_certificate_is_certainly_not_sent(
    secure_script: Script, secure_proxy: ForwardProxy
) -> None:
    assert submit(SECURE, proxy=secure_proxy.url()) == Answer(Kind.UNREACHABLE, "tls_error")
    assert secure_script.received == []


def test_a_tunnel_cut_after_the_request_is_uncertain(secure_script: Script, secure_proxy: ForwardProxy, trusted: None) -> None:
    secure_script.reaction = close
    assert submit(SECURE, proxy=secure_proxy.url()) == Answer(Kind.UNCERTAIN, "proxy_error")
    assert len(secure_script.received) == 1


def test_a_proxy_that_is_cut_before_it_hands_the_answer_back_is_uncertain(script: Script, proxy: ForwardProxy) -> None:
    proxy.cut = True
    assert submit(CLEAR, proxy=proxy.url()) == Answer(Kind.UNCERTAIN, "proxy_error")
    assert len(script.received) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("407 Proxy Authentication Required", Kind.HALTED),
        ("502 Bad Gateway", Kind.UNCERTAIN),
        ("504 Gateway Timeout", Kind.UNCERTAIN),
    ],
)
def test_what_a_proxy_answers_instead_of_a_vendor_over_plain_http(
    script: Script, proxy: ForwardProxy, status: str, kind: Kind
) -> None:
    proxy.instead = answers(status)
    assert submit(CLEAR, proxy=proxy.url()) == Answer(kind, f"http_{status[:3]}")
    assert script.received == []


def test_a_proxy_that_speaks_tls_has_to_prove_who_it_is(secure_script: Script, certificate: tuple[Path, Path]) -> None:
    port = urlsplit(secure_script.url).port
    for url in (CLEAR, SECURE):
        assert submit(url, proxy=f"https://127.0.0.1:{port}") == Answer(Kind.UNREACHABLE, "proxy_error")
    assert secure_script.received == []


def test_the_setting_sends_a_workers_submits_through_the_proxy(
    script: Script, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # away from any .env
    settings = WorkerSettings(
        number_keys="a number key of the tests",
        callback_keys="a callback key of the tests",
        appcode=SecretStr("code"),
        vendor_url=CLEAR,
        vendor_intl_url=CLEAR,
        vendor_proxy=SecretStr(proxy.url("user:word@")),
    )
    assert create_vendor(settings).submit(SUBMISSION).code == "0000"
    assert "Proxy-Authorization: Basic dXNlcjp3b3Jk" in proxy.asked[0]
    assert len(script.received) == 1


def test_a_simulator_on_this_host_is_called_without_the_proxy(script: Script, proxy: ForwardProxy) -> None:
    assert submit(script.url, proxy=proxy.url()).code == "0000"
    assert proxy.asked == []


def test_a_proxy_in_the_environment_is_ignored(script: Script, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url())
    assert submit(CLEAR).kind is Kind.UNREACHABLE
    assert submit(script.url).code == "0000"
    assert proxy.asked == []


def test_answers_of_the_vendor_are_read_through_a_proxy_as_they_are_without_one(script: Script, proxy: ForwardProxy) -> None:
    script.reaction = answer(b"", "X-Ca-Error-Message: Throttled by USER Flow Control", status="403 Forbidden")
    assert submit(CLEAR, proxy=proxy.url()) == Answer(Kind.THROTTLED, "throttled")

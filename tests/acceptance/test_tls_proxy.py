"""The reference proxies, deploy/nginx and deploy/caddy, before a real receiver: callbacks pass, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsrelay.contract.callback_token import CallbackToken
from smsrelay_worker.local.stack import free_port
from tests.support.proxies import Proxy, request, running_proxy, status
from tests.support.relay_process import RelayProcess

HOST = "sms.example.com"
BODY = b'{"external_id": "e1", "status": {"updated_on": 1700000000000, "code": 200}}'
FORGED = "/callback/018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b/1/0123456789abcdef0123456789abcdef"
KINDS = ("nginx", "caddy")
_SHORTER = {"client_body_timeout 10s": "client_body_timeout 1s", "read_body 10s": "read_body 1s"}


@pytest.fixture(scope="module", params=KINDS)
def proxy(request: pytest.FixtureRequest, relay: RelayProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    receiver = re.search(r":(\d+)", relay.environment["SMSRELAY_CALLBACK_URL"])
    assert receiver is not None
    with running_proxy(request.param, tmp_path_factory.mktemp("proxy"), {8025: int(receiver[1])}, _SHORTER) as running:
        yield running


def post(proxy: Proxy, path: str, body: bytes = BODY, *headers: str) -> int:
    return status(proxy.ask(HOST, request(HOST, "POST", path, body, *headers)))


def test_a_callback_passes_and_is_kept(relay: RelayProcess, proxy: Proxy) -> None:
    message_id = relay.send("+8613912340000")
    assert post(proxy, CallbackToken(message_id, 1).path(relay.callback_keys)) == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/callbac"])
def test_nothing_but_callbacks_passes(proxy: Proxy, path: str) -> None:
    assert post(proxy, path) == 404


def test_a_forged_callback_is_answered_404_and_a_question_403(proxy: Proxy) -> None:
    assert post(proxy, FORGED) == 404
    assert status(proxy.ask(HOST, request(HOST, "GET", FORGED))) == 403


def test_a_body_or_a_head_beyond_the_bounds_is_refused(relay: RelayProcess, proxy: Proxy) -> None:
    message_id = relay.send("+8613912340001")
    assert post(proxy, CallbackToken(message_id, 1).path(relay.callback_keys), b"x" * 70_000) == 413
    assert post(proxy, "/callback", BODY, "X: " + "y" * 40_000) in {400, 431}


def test_a_caller_that_does_not_finish_its_body_is_let_go(proxy: Proxy) -> None:
    unfinished = request(HOST, "POST", FORGED, BODY)[: -len(BODY) // 2]
    with proxy.connect(HOST) as tls:
        tls.settimeout(20)
        tls.sendall(unfinished)
        said = tls.recv(65536)
    assert said == b"" or status(said) in {400, 404, 408, 502}


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_without_its_receiver_says_502_and_logs_no_path(kind: str, tmp_path: Path) -> None:
    with running_proxy(kind, tmp_path / kind, {8025: free_port()}) as proxy:
        assert post(proxy, FORGED) == 502

"""The reference proxies, deploy/nginx and deploy/caddy, before a real console, which believes them who somebody is."""

import base64
import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from smsrelay_worker.local.stack import free_port
from tests.integration.console.conftest import environment
from tests.support.console_process import running_console
from tests.support.proxies import OPERATOR, PASSWORD, Proxy, request, running_proxy, status
from tests.support.valkey import running_valkey

HOST = "console.example.com"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the console listens, with the settings that the files name."""
    with running_valkey(free_port(), tmp_path_factory.mktemp("store")) as url:
        settings = environment(f"{url}/0", SMSRELAY_CONSOLE_USER_HEADER="X-Forwarded-User", SMSRELAY_CONSOLE_HOSTS=HOST)
        with running_console(settings, tmp_path_factory.mktemp("console") / "console.log", "--actions") as console:
            yield int(console.url.rpartition(":")[2])


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with running_proxy(request.param, tmp_path_factory.mktemp("proxy"), {8090: port}) as running:
        yield running


def ask(proxy: Proxy, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> tuple[int, str]:
    answer = proxy.ask(HOST, request(HOST, method, path, body, *headers))
    return status(answer), answer.decode("utf-8", "replace")


def login(password: str = PASSWORD) -> str:
    return f"Authorization: Basic {base64.b64encode(f'{OPERATOR}:{password}'.encode()).decode()}"


def test_who_knows_the_proxys_password_is_known_to_the_console_by_name(proxy: Proxy) -> None:
    code, page = ask(proxy, "/find", login())
    assert code == 200
    assert OPERATOR in page
    [cookie] = re.findall(r"(?i)^set-cookie: (.*)$", page, re.MULTILINE)
    assert "secure" in cookie.lower()


def test_nobody_else_comes_in_whatever_they_call_themselves(proxy: Proxy) -> None:
    assert ask(proxy, "/find")[0] == 401
    assert ask(proxy, "/find", login("another"))[0] == 401
    assert ask(proxy, "/find", "X-Forwarded-User: root")[0] == 401
    assert ask(proxy, "/find", login("another"), "X-Forwarded-User: root")[0] == 401


def test_a_name_that_the_browser_sends_is_replaced(proxy: Proxy) -> None:
    code, page = ask(proxy, "/find", login(), "X-Forwarded-User: root")
    assert code == 200
    assert "root" not in page


def test_a_form_of_the_console_passes(proxy: Proxy) -> None:
    _, page = ask(proxy, "/find", login())
    [token] = re.findall(r'name="form_token" value="([0-9a-f]{64})"', page)[:1]
    [cookie] = re.findall(r"(?i)^set-cookie: ([^;]*)", page, re.MULTILINE)
    body = urlencode({"form_token": token, "language": "zh", "next": "/find"}).encode()
    form = ("Content-Type: application/x-www-form-urlencoded", f"Cookie: {cookie}", f"Origin: https://{HOST}", login())
    answer = proxy.ask(HOST, _form(body, *form))
    assert status(answer) == 303, answer


def test_the_probes_stay_on_the_host(proxy: Proxy) -> None:
    assert {ask(proxy, path, login())[0] for path in ("/healthz", "/readyz")} == {404}


def _form(body: bytes, *headers: str) -> bytes:
    head = ["POST /language HTTP/1.1", f"Host: {HOST}", "Connection: close", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body

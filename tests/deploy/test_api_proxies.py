"""The reference proxies, deploy/nginx and deploy/caddy, before a real API: its own answers pass unchanged."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import open_store
from smsrelay_worker.local.stack import free_port
from tests.support.api_process import NUMBER_KEY, a_job, a_key, running_api
from tests.support.proxies import Proxy, request, running_proxy, status
from tests.support.valkey import running_valkey

HOST = "api.example.com"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_valkey(free_port(), tmp_path_factory.mktemp("store")) as url:
        yield f"{url}/0"


@pytest.fixture(scope="module")
def key(store: str) -> Iterator[str]:
    """A key that may send twice a minute."""
    with open_store(StoreAddress(store)) as redis:
        yield a_key(redis, quota_minute=2)


@pytest.fixture(scope="module")
def port(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the API listens."""
    settings = {"SMSRELAY_STORE_URL": store, "SMSRELAY_BROKER_URL": store, "SMSRELAY_NUMBER_KEYS": NUMBER_KEY}
    with running_api(settings, tmp_path_factory.mktemp("api") / "api.log") as api:
        yield int(api.url.rpartition(":")[2])


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with running_proxy(request.param, tmp_path_factory.mktemp("proxy"), {8080: port}) as running:
        yield running


def ask(proxy: Proxy, method: str, path: str, body: bytes = b"", *headers: str) -> tuple[int, bytes]:
    answer = proxy.ask(HOST, request(HOST, method, path, body, *headers))
    return status(answer), answer


def test_the_apis_answers_pass_unchanged(proxy: Proxy, key: str) -> None:
    code, answer = ask(proxy, "POST", "/v1/messages", json.dumps({"to": "139"}).encode(), f"Authorization: Bearer {key}")
    assert (code, b"application/problem+json" in answer) == (422, True)
    assert ask(proxy, "POST", "/v1/messages", b"{}")[0] == 401
    assert ask(proxy, "GET", "/v1/nothing", b"", f"Authorization: Bearer {key}")[0] == 404


def test_the_page_is_served_and_the_probes_are_not(proxy: Proxy) -> None:
    assert {path: ask(proxy, "GET", path)[0] for path in ("/docs", "/openapi.json")} == {"/docs": 200, "/openapi.json": 200}
    assert {ask(proxy, "GET", path)[0] for path in ("/healthz", "/readyz", "/", "/v2/x")} == {404}


def test_a_body_over_the_bound_is_answered_413_and_one_below_reaches_the_api(proxy: Proxy, key: str) -> None:
    bearer = f"Authorization: Bearer {key}"
    assert ask(proxy, "POST", "/v1/messages", b" " * 200_000, bearer)[0] == 413
    assert ask(proxy, "POST", "/v1/messages/batch", b" " * 1_200_000, bearer)[0] == 413
    assert ask(proxy, "POST", "/v1/messages", b" " * 130_000, bearer)[0] == 422
    assert ask(proxy, "POST", "/v1/messages/batch", b" " * 1_000_000, bearer)[0] == 422


def test_a_key_over_its_quota_is_told_how_long_to_wait(proxy: Proxy, key: str) -> None:
    codes: list[Any] = []
    for _ in range(4):
        code, answer = ask(proxy, "POST", "/v1/messages", json.dumps(a_job()).encode(), f"Authorization: Bearer {key}")
        codes.append(code)
    assert set(codes) <= {202, 429}
    assert codes[-1] == 429, codes
    assert b"retry-after:" in answer.lower()
    assert b"quota_minute" in answer

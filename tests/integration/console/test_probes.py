"""/healthz and /readyz of the console: who may ask, and what they say while the store is away, silent or read-only."""

from pathlib import Path

import pytest
import requests

from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import open_store
from tests.integration.console.conftest import environment
from tests.support.console_process import Console, running_console
from tests.support.silent_server import silent_server

PROBES = ("/healthz", "/readyz")


@pytest.mark.parametrize("path", PROBES)
def test_a_probe_is_answered_without_a_password_and_under_any_name(
    read_only_console: Console, valkey_url: str, path: str
) -> None:
    for method in ("GET", "HEAD"):
        answer = requests.request(method, read_only_console.url + path, headers={"host": "10.1.2.3:8090"}, timeout=30)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
    assert requests.get(read_only_console.url + path, timeout=30).json().keys() == {"status"}


@pytest.mark.parametrize("path", PROBES)
def test_a_probe_takes_nothing(read_only_console: Console, valkey_url: str, path: str) -> None:
    answer = requests.post(read_only_console.url + path, data={"user": "ops"}, timeout=30)
    assert (answer.status_code, answer.headers["allow"], answer.text) == (405, "GET, HEAD", "")


def test_behind_a_proxy_that_signs_people_in_nobody_has_to_for_a_probe(valkey_url: str, tmp_path: Path) -> None:
    proxied = environment(valkey_url, SMSRELAY_CONSOLE_USER_HEADER="X-Forwarded-User", SMSRELAY_CONSOLE_PROXIES="10.9.9.9")
    with running_console(proxied, tmp_path / "console.log") as console:
        assert [requests.get(console.url + path, timeout=30).status_code for path in (*PROBES, "/")] == [200, 200, 403]


def test_without_a_store_the_console_lives_and_is_not_ready(closed_port: int, tmp_path: Path) -> None:
    with running_console(environment(f"redis://127.0.0.1:{closed_port}/0"), tmp_path / "console.log") as console:
        assert requests.get(f"{console.url}/healthz", timeout=30).status_code == 200
        assert requests.get(f"{console.url}/readyz", timeout=30).status_code == 503


def test_a_silent_store_is_not_waited_for_as_long_as_a_probe_waits(tmp_path: Path) -> None:
    with (
        silent_server() as port,
        running_console(environment(f"redis://127.0.0.1:{port}/0"), tmp_path / "console.log") as console,
    ):
        assert requests.get(f"{console.url}/readyz", timeout=5).status_code == 503
        assert requests.get(f"{console.url}/healthz", timeout=5).status_code == 200


def test_a_store_that_refuses_writes_can_still_be_looked_at(read_only_console: Console, valkey_url: str) -> None:
    with open_store(StoreAddress(valkey_url)) as redis:
        redis.config_set("maxmemory", "1")
        try:
            assert requests.get(f"{read_only_console.url}/readyz", timeout=30).status_code == 200
        finally:
            redis.config_set("maxmemory", "0")

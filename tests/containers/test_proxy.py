"""The profile `tls`: callbacks come in over HTTPS, and nothing else does."""

import sys
from collections.abc import Iterator

import pytest

from tests.containers.relay import Relay

_ASK = """
import http.client, pathlib, ssl, sys
method, path, size, root = sys.argv[1:5]
context = ssl.create_default_context(cadata=root)
connection = http.client.HTTPSConnection("localhost", 8443, timeout=20, context=context)
connection.request(method, path, b"x" * int(size))
print(connection.getresponse().status)
"""


@pytest.fixture
def proxied(relay: Relay) -> Iterator[Relay]:
    with relay.variables(COMPOSE_PROFILES="demo,tls", TLS_ISSUER="internal", TLS_PORT="8443", HTTP_PORT="8081"):
        relay.up()
        yield relay
        relay.compose("rm", "--force", "--stop", "proxy")


def test_callbacks_are_passed_on_and_nothing_else(proxied: Relay) -> None:
    root = proxied.ask("proxy", "cat", "/data/caddy/pki/authorities/local/root.crt").stdout

    def ask(method: str, path: str, size: int = 2) -> int:
        ran = proxied.engine.namespaces.run(sys.executable, "-c", _ASK, method, path, str(size), root)
        return int(ran.stdout) if ran.returncode == 0 else 0

    assert ask("POST", "/callback/of/nobody") in (200, 400, 403, 404)
    assert ask("GET", "/callback/of/nobody") == 404
    assert ask("GET", "/healthz") == 404
    assert "of/nobody" not in proxied.compose("logs", "proxy").stdout
    privileges = proxied.ask("proxy", "cat", "/proc/1/status").stdout
    assert "CapBnd:\t0000000000000400" in privileges
    assert "NoNewPrivs:\t1" in privileges

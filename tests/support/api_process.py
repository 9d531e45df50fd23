"""A real process of the HTTP API, and keys for it.

Takes the environment of a relay. Gives a client that speaks HTTP to it; the process is killed on leaving the context. Fails if it
does not answer within the usual patience.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.store.api.api_key import ApiKey, KeyType, Scope, new_token, team_digest, token_hash
from smsrelay_worker.store.api.api_keys import ApiKeys
from tests.support.waiting import eventually

NUMBER_KEY = "0123456789abcdef"
_TIMEOUT = 30.0  # seconds
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Api:
    """One running API; ``log``: the file that its lines go to."""

    url: str
    log: Path
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def post(self, path: str, key: str | None, body: Any = None, **headers: str) -> requests.Response:
        """POST a JSON body, or bytes as they are."""
        sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(self.url + path, data=data, headers=sent | bearer(key), timeout=_TIMEOUT)

    def get(self, path: str, key: str | None = None) -> requests.Response:
        return requests.get(self.url + path, headers=bearer(key), timeout=_TIMEOUT)

    def delete(self, path: str, key: str | None) -> requests.Response:
        return requests.delete(self.url + path, headers=bearer(key), timeout=_TIMEOUT)

    def kill(self) -> None:
        """Kill it, as the kernel does when memory runs out."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]


def bearer(key: str | None) -> dict[str, str]:
    return {} if key is None else {"authorization": f"Bearer {key}"}


def a_job(**fields: Any) -> dict[str, Any]:
    """The body of a code to a number that nobody else has."""
    number = f"139{secrets.randbelow(10**8):08d}"
    return {"to": number, "template": "0000000", "params": ["394021"], "lane": "otp"} | fields


def a_key(redis: StoreRedis, app: str = "shop", kind: KeyType = KeyType.LIVE, *, to: str | None = None, **fields: Any) -> str:
    """A new key of an app that may do everything, but for what ``fields`` say; ``to``: the number that a team key reaches."""
    key_id, token = new_token(kind, secrets.choice)
    keys = ApiKeys(redis)
    values: dict[str, Any] = {
        "name": "tests",
        "scopes": frozenset(Scope),
        "lanes": frozenset(Lane),
        "created_at": keys.now(),
        "team": frozenset() if to is None else frozenset({team_digest(NUMBER_KEY.encode(), to)}),
    }
    assert keys.add(ApiKey(key_id=key_id, app=app, type=kind, token_hash=token_hash(token), **(values | fields)))
    return token


@contextmanager
def running_api(environment: Mapping[str, str], log: Path) -> Iterator[Api]:
    """Start one and wait until it listens."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "smsrelay_worker", "api", "--port", str(port)]
    with (
        log.open("wb") as lines,
        subprocess.Popen(command, cwd=_ROOT, env={**os.environ, **environment}, stdout=lines, stderr=lines) as process,
    ):
        try:
            api = Api(f"http://127.0.0.1:{port}", log, process)
            eventually(lambda: _answers(api), "the API answers")
            yield api
        finally:
            process.kill()


def _answers(api: Api) -> bool:
    assert api.process.poll() is None, api.log.read_text("utf-8")
    try:
        return api.get("/healthz").status_code == 200
    except requests.ConnectionError:
        return False

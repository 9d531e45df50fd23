"""Broker and receivers as real processes that a test stops, kills and restarts on their ports.

Takes a folder; gives the processes, and what is on the queue of reports. Every process is killed at the end.
"""

import base64
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import requests
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay_worker.local.stack import free_port
from tests.support.waiting import eventually

CALLBACK_KEY = "a callback key of the tests"
CALLBACK_KEYS = KeyRing(CALLBACK_KEY.encode())
VENDOR_PATIENCE = 5.0  # seconds: what the vendor's guide allows a callback
_ROOT = Path(__file__).parents[2]
_DEADLINE = 60.0


@dataclass
class Process:
    """One process that can be started again after its end."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    log: Path = Path(os.devnull)
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(self.command, cwd=_ROOT, env={**os.environ, **self.environment}, stderr=log)

    def signal(self, number: signal.Signals) -> None:
        assert self.running is not None
        self.running.send_signal(number)

    def stop(self) -> None:
        """Tell it to end, and wait until it has."""
        if self.running is not None:
            self.running.terminate()
            self.running.wait(_DEADLINE)
            self.running = None

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        if self.running is not None:
            self.running.kill()
            self.running.wait()
            self.running = None


class Broker:
    """A real Valkey on one port and one folder."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = Process([sys.executable, "-m", "smsrelay_worker.local.embedded_valkey", str(self.port), str(folder)])

    def start(self) -> None:
        self.process.start()
        eventually(self._answers)
        with Redis.from_url(self.url) as client:
            # With "everysec" the server holds back the write of what it has acknowledged, for up to two seconds, while a sync
            # is under way; a kill then loses it (seen). That promise is the broker's; here the receiver's is judged.
            client.config_set("appendfsync", "always")

    def reports(self) -> list[int]:
        """Numbers of the reports on the queue, first published first."""
        with Redis.from_url(self.url) as client:
            return [number for task in reversed(client.lrange(STATUS_QUEUE, 0, -1)) for number in _numbers(task)]

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url) as client:
                return bool(client.ping())
        except RedisConnectionError:
            return False


class Receiver:
    """``smsrelay receiver`` on one port."""

    def __init__(self, broker_url: str, spool: Path, log: Path, spool_max: int = 1000, **settings: object) -> None:
        self.port = free_port()
        self.log = log
        environment = {
            "SMSRELAY_CALLBACK_KEYS": CALLBACK_KEY,
            "SMSRELAY_BROKER_URL": broker_url,
            "SMSRELAY_STORE_URL": broker_url,
            "SMSRELAY_SPOOL": str(spool),
            "SMSRELAY_SPOOL_MAX": str(spool_max),
            **{f"SMSRELAY_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.process = Process([sys.executable, "-m", "smsrelay_worker", "receiver", "--port", str(self.port)], environment, log)
        self._http = requests.Session()
        self._http.trust_env = False

    def start(self) -> None:
        self.process.start()
        eventually(self._alive)

    def ready(self) -> bool:
        return self._http.get(self._url("/readyz"), timeout=_DEADLINE).status_code == 200

    def report(self, number: int) -> requests.Response:
        """Call back as the vendor does, with its patience; raises ``requests.RequestException``."""
        return self.post(CallbackToken(f"m{number}", 1).path(CALLBACK_KEYS), b'{"status": {"code": 200}}')

    def post(self, path: str, body: bytes) -> requests.Response:
        """Post anything anywhere."""
        return self._http.post(self._url(path), data=body, timeout=VENDOR_PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self._http.close()

    def _alive(self) -> bool:
        try:
            return self._http.get(self._url("/healthz"), timeout=1).status_code == 200
        except requests.RequestException:
            return False

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def _numbers(task: bytes) -> list[int]:
    envelope = json.loads(task)
    _, kwargs, _ = json.loads(base64.b64decode(envelope["body"]))
    events = [StatusEvent.decode(wire) for wire in kwargs["events"]]
    return [int((event.message_id or "").removeprefix("m")) for event in events]

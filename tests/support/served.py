"""A receiver behind a real server, on a port of its own, that keeps what it takes in memory."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests
import uvicorn

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.unreadable_callback import Received, UnreadableCallback
from smsrelay.receiver.app import create_app
from smsrelay.receiver.batcher import Kept
from smsrelay.receiver.refused_requests import RefusedRequests
from smsrelay.receiver.spool import SpoolFull
from smsrelay.receiver.throttle import Throttle
from tests.support.waiting import eventually

KEYS = KeyRing(b"0123456789abcdef")
NOW = 1_700_000_000_000
LIMIT = 2048
DEADLINE = 10
TOKEN = CallbackToken("018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b", 2)
PATH = TOKEN.path(KEYS)
NUMBER = "13800138000"
BODY = json.dumps({"external_id": "e1", "mobile": NUMBER, "status": {"updated_on": NOW, "code": 200}}).encode()


@dataclass
class Keeper:
    """Keeps what it is given while it is up."""

    up: bool = True
    events: list[StatusEvent] = field(default_factory=list)
    unread: list[UnreadableCallback] = field(default_factory=list)

    async def keep(self, received: Received) -> Kept:
        if not self.up:
            raise SpoolFull("full")
        if isinstance(received, UnreadableCallback):
            self.unread.append(received)
        else:
            self.events.append(received)
        return Kept.ENQUEUED

    def ready(self) -> bool:
        return self.up

    def clear(self) -> None:
        self.up = True
        self.events.clear()
        self.unread.clear()

    @property
    def count(self) -> int:
        return len(self.events) + len(self.unread)


@dataclass(frozen=True)
class Served:
    """A receiver on a port of its own."""

    port: int
    keeper: Keeper
    noted: Counter[str]  # requests it refused
    http: requests.Session

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, **options: object) -> requests.Response:
        return self.http.request(method, f"{self.url}{path}", timeout=DEADLINE, allow_redirects=False, **options)  # type: ignore[arg-type]

    def post(self, path: str = PATH, body: bytes = BODY) -> requests.Response:
        return self.call("POST", path, data=body)

    def send_raw(self, request: bytes) -> bytes:
        """The first bytes the server answers to an unfinished request."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as connection:
            connection.sendall(request)
            return connection.recv(4096)


@contextmanager
def serve(unsigned: int | None = None, keys: KeyRing = KEYS, tell_every: float = 5.0) -> Iterator[Served]:
    """One that is up; ``unsigned``: callbacks without a token that it takes a second."""
    keeper, noted = Keeper(), Counter[str]()

    async def note(counts: Mapping[str, int]) -> None:
        noted.update(counts)

    refused = RefusedRequests(note, tell_every)
    throttle = Throttle(unsigned, time.monotonic) if unsigned else None
    app = create_app(keeper.keep, keeper.ready, refused, keys, lambda: NOW, max_body=LIMIT, unsigned=throttle)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with requests.Session() as http:
            http.trust_env = False
            yield Served(_port(server), keeper, noted, http)
    finally:
        server.should_exit = True
        thread.join(DEADLINE)


def _port(server: uvicorn.Server) -> int:
    eventually(lambda: server.started, "the receiver starts")
    return int(server.servers[0].sockets[0].getsockname()[1])

"""An app's webhook endpoint behind a real socket: verifies, records and answers what a test says, each path on its own.

``hold`` keeps a path's requests waiting until it is released.
"""

import base64
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = f"whsec_{base64.b64encode(b'0123456789abcdef01234567').decode()}"


@dataclass(frozen=True, slots=True)
class Told:
    """One event as the endpoint got it."""

    path: str
    webhook_id: str
    event: dict[str, Any]
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        return str(self.event["data"]["state"])

    @property
    def message_id(self) -> str:
        return str(self.event["data"]["id"])

    @property
    def revision(self) -> int:
        return int(self.event["data"]["revision"])


@dataclass
class WebhookReceiver:
    """What arrived, in order, and what is answered."""

    url: str
    secret: str = SECRET  # verifies
    told: list[Told] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # requests whose signature does not verify
    statuses: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # by path: the next answers, then 200
    always: dict[str, int] = field(default_factory=dict)  # by path: the answer
    held: dict[str, threading.Event] = field(default_factory=dict)  # by path
    holding: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # requests that wait, by path

    def of(self, message_id: str) -> list[Told]:
        return [one for one in self.told if one.event["data"].get("id") == message_id]

    def at(self, path: str) -> list[Told]:
        return [one for one in self.told if one.path == path]

    def hold(self, path: str) -> None:
        self.held[path] = threading.Event()

    def release(self, path: str) -> None:
        self.held.pop(path).set()

    def status(self, path: str) -> int:
        if path in self.always:
            return self.always[path]
        return self.statuses[path].pop(0) if self.statuses[path] else 200


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: WebhookReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver = self.receiver
        try:
            Webhook(receiver.secret).verify(body, dict(self.headers))
        except WebhookVerificationError as error:
            receiver.refused.append(str(error))
        receiver.told.append(Told(self.path, self.headers["webhook-id"], json.loads(body), body, dict(self.headers)))
        if held := receiver.held.get(self.path):
            receiver.holding[self.path] += 1
            held.wait()
            receiver.holding[self.path] -= 1
        self.send_response(receiver.status(self.path))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test's output is not the place."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is what some tests are about."""


@contextmanager
def webhook_receiver(secret: str = SECRET) -> Iterator[WebhookReceiver]:
    """Run one on a free port."""

    class Handler(_Handler):
        pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        Handler.receiver = WebhookReceiver(f"http://127.0.0.1:{server.server_port}", secret)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield Handler.receiver
        finally:
            for path in list(Handler.receiver.held):
                Handler.receiver.release(path)
            server.shutdown()
            thread.join()


def app_with_webhook(name: str, url: str, *lines: str) -> str:
    """An app's part of the apps file."""
    return "\n".join((f'["{name}".webhook]', f'url = "{url}"', f'secrets = ["{SECRET}"]', "private = true", *lines, "", ""))

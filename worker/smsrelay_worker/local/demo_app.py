"""DemoApp: the app of the demo, which is told what became of its messages: a webhook that verifies, and a reader of its queue.

Both do what an app in any language would, and use nothing of the relay's. The webhook listens on a free port.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import queue
import secrets
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kombu import Connection

from smsrelay_worker.local.stack import free_port

NAME = "shop"
QUEUE, TASK = "shop.sms", "shop.tasks.sms_outcome"
_POLL = 0.2  # seconds


class DemoApp:
    """``by_webhook`` and ``by_celery``: the events that came, in order. ``refused``: requests whose signature does not hold."""

    def __init__(self) -> None:
        self.by_webhook: list[Mapping[str, Any]] = []
        self.by_celery: list[Mapping[str, Any]] = []
        self.refused = 0
        self._key = secrets.token_bytes(32)
        self._port = free_port()

    @property
    def table(self) -> str:
        """Its part of the apps file: failures go to the queue, everything else to the webhook."""
        url = f"http://127.0.0.1:{self._port}/sms"
        return f"""[{NAME}.webhook]
url = "{url}"
secrets = ["whsec_{base64.b64encode(self._key).decode("ascii")}"]
events = ["delivered", "expired", "unknown", "cancelled"]
private = true
[{NAME}.celery]
queue = "{QUEUE}"
task = "{TASK}"
events = ["failed"]
"""

    @contextlib.contextmanager
    def listening(self, broker_url: str) -> Iterator[None]:
        """Serve the webhook and read the queue, as the app's web server and its Celery worker would."""
        stopping = threading.Event()
        server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        threads = [
            threading.Thread(target=server.serve_forever),
            threading.Thread(target=self._read, args=(broker_url, stopping)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopping.set()
            server.shutdown()
            server.server_close()
            for thread in threads:
                thread.join()

    def take(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Take a request to the webhook, if its signature holds by Standard Webhooks."""
        signed = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
        wanted = "v1," + base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode("ascii")
        given = (headers.get("webhook-signature") or "").split()
        holds = any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given)
        if holds:
            self.by_webhook.append(json.loads(body))
        else:
            self.refused += 1
        return holds

    def _read(self, broker_url: str, stopping: threading.Event) -> None:
        with Connection(broker_url) as connection, connection.SimpleQueue(QUEUE) as tasks:
            while not stopping.is_set():
                try:
                    message = tasks.get(timeout=_POLL)
                except queue.Empty:
                    continue
                [event], _, _ = message.payload  # arguments, named arguments, embed: Celery's protocol 2
                self.by_celery.append(event)
                message.ack()


def _handler(app: DemoApp) -> type[BaseHTTPRequestHandler]:
    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(200 if app.take(headers, body) else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Webhook

"""Shared by the simulator's own tests: a client of the vendor API, and a receiver for its callbacks.

Takes URLs. Returns what the simulator answered and what it posted.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

RECIPIENT = "+8613912345678"


@dataclass
class Receiver:
    """What callbacks reach: records them and answers the next of ``answers``, then 200."""

    url: str
    posts: list[tuple[str, bytes, str]]
    answers: list[int]

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, _ in self.posts]

    def codes(self) -> list[int | str]:
        return [body["status"]["code"] for body in self.bodies()]


class _Recording(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.receiver.posts.append((self.path, body, self.headers["Content-Type"]))
        self.send_response(self.receiver.answers.pop(0) if self.receiver.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test's output is not the place."""


@dataclass
class Client:
    """A client of the vendor."""

    http: requests.Session
    base: str
    callback_url: str

    def send(
        self,
        mobile: str = RECIPIENT,
        params: str = "1234, 5",
        operation: str = "sendmsg",
        timeout: float = 10,
    ) -> requests.Response:
        form = {"mobile": mobile, "templateID": "0000000", "templateParamSet": params}
        return self.post(operation, form | {"callbackUrl": self.callback_url}, timeout=timeout)

    def post(self, operation: str, form: Any, headers: dict[str, str] | None = None, timeout: float = 10) -> requests.Response:
        headers = {"Authorization": "APPCODE code-of-the-test"} if headers is None else headers
        return self.http.post(f"{self.base}/comms/sms/{operation}", data=form, headers=headers, timeout=timeout)


def scripted(*steps: Any) -> dict[str, Any]:
    return {"submits": list(steps)}


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    class Recording(_Recording):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Recording) as server:
        Recording.receiver = Receiver(f"http://127.0.0.1:{server.server_port}/callback/m1/1/t0ken", [], [])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield Recording.receiver
        finally:
            server.shutdown()
            thread.join()

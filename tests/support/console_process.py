"""A real process of the console, and a browser's part of HTTP: cookies, forms with their token, redirects.

Takes the environment of a relay. The process is killed on leaving the context. Fails if it does not answer within the usual
patience.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from smsrelay_worker.local.stack import free_port
from tests.support.waiting import eventually

USER, PASSWORD = "ops", "a password of 4715 characters"
_TIMEOUT = 30.0  # seconds
_ROOT = Path(__file__).parents[2]
_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


@dataclass(frozen=True, slots=True)
class Visitor:
    """One browser at a console. ``seen``: every answer it got."""

    url: str
    session: requests.Session = field(default_factory=requests.Session, repr=False)
    seen: list[requests.Response] = field(default_factory=list, repr=False)

    def get(self, path: str, **headers: str) -> requests.Response:
        return self._ask("GET", path, headers=_names(headers))

    def post(
        self, path: str, form: Mapping[str, Any] | None = None, *, token: str | None = None, **headers: str
    ) -> requests.Response:
        """Send a form with this session's token, or the one given; redirects are not followed."""
        fields = {"sent": "1", "form_token": self.token() if token is None else token} | dict(form or {})
        return self._ask("POST", path, data={name: one for name, one in fields.items() if one != ""}, headers=_names(headers))

    def follow(self, response: requests.Response) -> requests.Response:
        """Where an answer sends the browser."""
        assert response.status_code == 303, (response.status_code, response.text)
        return self.get(response.headers["location"])

    def token(self) -> str:
        """The token of this session's forms."""
        found = _TOKEN.search(self.get("/sign-in").text) or _TOKEN.search(self.get("/find").text)
        assert found is not None
        return found[1]

    def sign_in(self, user: str = USER, password: str = PASSWORD) -> requests.Response:
        return self.post("/sign-in", {"user": user, "password": password})

    def _ask(self, method: str, path: str, **what: Any) -> requests.Response:
        response = self.session.request(method, self.url + path, allow_redirects=False, timeout=_TIMEOUT, **what)
        self.seen.append(response)
        return response


@dataclass(frozen=True, slots=True)
class Console:
    """One running console; ``log``: the file that its lines go to."""

    url: str
    log: Path
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def visitor(self) -> Visitor:
        """A browser that has not signed in."""
        return Visitor(self.url)

    def answers(self) -> bool:
        """Whether it does by now; fails when it has ended."""
        assert self.process.poll() is None, self.log.read_text("utf-8")
        try:
            return requests.get(f"{self.url}/static/icon.svg", timeout=_TIMEOUT).status_code == 200
        except requests.ConnectionError:
            return False

    def operator(self, language: str = "en") -> Visitor:
        """A browser that has."""
        visitor = self.visitor()
        visitor.session.headers["accept-language"] = language
        assert visitor.sign_in().status_code == 303
        return visitor


@contextmanager
def running_console(environment: Mapping[str, str], log: Path, *options: str) -> Iterator[Console]:
    """Start one and wait until it listens; it lets in the user above unless the environment says otherwise."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "smsrelay_worker", "console", "--port", str(port), *options]
    way_in = {} if "SMSRELAY_CONSOLE_USER_HEADER" in environment else {"SMSRELAY_CONSOLE_AUTH": f"{USER}:{PASSWORD}"}
    with (
        log.open("wb") as lines,
        subprocess.Popen(command, cwd=_ROOT, env={**os.environ, **way_in, **environment}, stdout=lines, stderr=lines) as process,
    ):
        try:
            console = Console(f"http://127.0.0.1:{port}", log, process)
            eventually(console.answers, "the console answers")
            yield console
        finally:
            process.kill()


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}

"""The simulator as tests see it: script it, and read what it recorded.

Takes the URL of a running simulator; returns typed records. A request that the simulator refuses raises ``requests.HTTPError``
with field and reason.
"""

from types import TracebackType
from typing import Any

import requests

from smsrelay_simulator.records.records import CallbackRecord, Stats, SubmitRecord

JsonScript = dict[str, Any]
_TIMEOUT = 30.0  # seconds; a million records take a while


class Simulator:
    """Control of one simulator. ``url`` is also the base URL that clients of the vendor get."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy of the environment between a test and its simulator

    def script(self, recipient: str, script: JsonScript) -> None:
        """Script one recipient (E.164)."""
        self._call("PUT", f"/scripts/{recipient}", json=script)

    def default(self, script: JsonScript) -> None:
        """Script everybody without a script of their own."""
        self._call("PUT", "/default", json=script)

    def unscript(self) -> None:
        """Drop all scripts."""
        self._call("DELETE", "/scripts")

    def submits(self, recipient: str | None = None, since: float | None = None) -> list[SubmitRecord]:
        """Submits in order; ``since`` in epoch seconds."""
        rows = self._call("GET", "/submits", params={"recipient": recipient, "since": since}).json()
        return [SubmitRecord(**{**row, "parameters": tuple(row["parameters"])}) for row in rows]

    def callbacks(self, recipient: str | None = None, since: float | None = None) -> list[CallbackRecord]:
        """Tries of callbacks in order; a try is listed once it was answered or failed."""
        rows = self._call("GET", "/callbacks", params={"recipient": recipient, "since": since}).json()
        return [CallbackRecord(**row) for row in rows]

    def stats(self) -> Stats:
        """Counts since the start or the last reset."""
        return Stats(**self._call("GET", "/stats").json())

    def reset(self) -> None:
        """Forget records, scripts, nonces, latency and reports still due."""
        self._call("POST", "/reset")

    def latency(self, seconds: float) -> None:
        """Wait this long before every answer."""
        self._call("PUT", "/latency", json={"seconds": seconds})

    def callback(self, url: str, body: str, content_type: str = "application/json") -> int:
        """Post a raw body to a URL; the status it was answered with, 0 when there was no answer."""
        sent = {"url": url, "body": body, "content_type": content_type}
        return int(self._call("POST", "/callback", json=sent).json()["status"])

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        response = self._session.request(method, f"{self.url}/control{path}", timeout=_TIMEOUT, **arguments)
        if response.status_code == 400:
            raise requests.HTTPError(response.text, response=response)
        response.raise_for_status()
        return response

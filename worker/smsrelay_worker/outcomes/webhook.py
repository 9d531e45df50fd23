"""Webhook: posts events to one app's URL, signed by Standard Webhooks 1.0.0.

``deliver`` never raises for what the network or the endpoint does; each case is an ``Answer``. Safe to share between threads.
"""

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException, RemoteDisconnected
from socket import gaierror
from typing import Any
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError

from smsrelay.servers.time_limit import time_limit
from smsrelay_worker.outcomes.address import PrivateAddress
from smsrelay_worker.outcomes.answer import Answer, failed, of_status
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.outcomes.http_pool import TIMEOUT, open_pool, tls_context
from smsrelay_worker.outcomes.signature import signed_headers

CONNECTIONS = 8  # to one endpoint, from one process
_BODY = 4096  # bytes of an answer that are read, so that its connection can be used again
_HEADERS = {"User-Agent": "smsrelay", "Content-Type": "application/json", "Accept-Encoding": "identity"}
_STALE = (RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Webhook:
    """One app's endpoint."""

    at_once = CONNECTIONS
    batch = 1
    claims = 4 * CONNECTIONS

    def __init__(
        self,
        url: str,
        keys: Sequence[bytes],
        *,
        private: bool = False,
        tls: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(url)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._keys = tuple(keys)
        self._pool = open_pool(parts, CONNECTIONS, private=private, tls=tls or tls_context())
        self._timeout = timeout
        self._now = now

    def deliver(self, events: Sequence[Event]) -> list[Answer]:
        """Post each event; an answer for each."""
        return [self._deliver(event) for event in events]

    def _deliver(self, event: Event) -> Answer:
        headers = {**_HEADERS, **signed_headers(self._keys, event.id, int(self._now()), event.body)}
        try:
            with time_limit(self._timeout):
                try:
                    return self._post(event.body, headers)
                except (HTTPError, OSError) as error:
                    if not isinstance(_cause(error), _STALE):
                        raise
                    return self._post(event.body, headers)  # the endpoint had closed an idle connection
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            return failed(_status(error))

    def _post(self, body: bytes, headers: dict[str, str]) -> Answer:
        response: Any = self._pool.urlopen(
            "POST",
            self._target,
            body,
            headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
        )
        with _released(response):
            return of_status(response.status, response.headers.get("retry-after"), self._now())


@contextlib.contextmanager
def _released(response: Any) -> Iterator[None]:
    """Reads a short body, for the sake of the connection; one that is long, slow or broken costs the connection."""
    try:
        yield
        with contextlib.suppress(HTTPError, HTTPException, OSError, ValueError):
            response.read(_BODY, decode_content=False)
            if response.closed or response.read(1, decode_content=False) == b"":
                response.release_conn()
    finally:
        response.close()


def _cause(error: BaseException) -> BaseException:
    """What a library's exception wraps."""
    inner = next((one for one in (*error.args, getattr(error, "reason", None)) if isinstance(one, BaseException)), None)
    return error if inner is None else _cause(inner)


_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (PrivateAddress, "private address refused"),
    (ssl.SSLCertVerificationError, "certificate not valid"),
    (ssl.SSLError, "TLS failed"),
    (TimeoutError, "timeout"),
    (gaierror, "host not found"),
    (ConnectionRefusedError, "connection refused"),
    (RemoteDisconnected, "connection closed without an answer"),
    (ConnectionError, "connection lost"),
    (HTTPException, "not an HTTP answer"),
)


def _status(error: BaseException) -> str:
    """What happened, in words; an exception's own text may quote the URL."""
    cause = _cause(error)
    named = next((words for kind, words in _WORDS if isinstance(cause, kind)), None)
    return named or ("timeout" if "Timeout" in type(cause).__name__ else type(cause).__name__)

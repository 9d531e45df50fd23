"""The HTTP session that an adapter submits through: it does what it is told, once, and nothing that a submit has no use for.

Enters: how many submits run at once, and the proxy of the settings. Leaves: a ``requests.Session`` with its connection pool, and
``Post``, which goes to the session's adapter directly. Open it in the process that uses it: a socket shared across a fork mixes
two answers up.

What requests does for any call and a submit does not need is left out by the places it has for that: looking up pool and
certificates again, cookies, and a second packet for the body.
"""

import ipaddress
import select
import socket
from collections.abc import Iterable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_HEADERS = {"User-Agent": "smsrelay"}


class SubmitSession(requests.Session):
    """Follows nothing and remembers nothing."""

    def get_redirect_target(self, resp: Any) -> None:
        """Never a target: even with redirects off, requests would read and parse one, and raise on a bad one."""
        return


class Post(requests.PreparedRequest):
    """One POST, prepared by hand: headers and form are as they are to stand on the wire."""

    def __init__(self, url: str, headers: Mapping[str, str], form: Iterable[bytes], length: int) -> None:
        super().__init__()
        self.method = "POST"
        self.url = url
        self.body = form  # type: ignore[assignment]  # requests sends any iterable, its annotation knows fewer
        self.headers = {**_HEADERS, "Content-Length": str(length), **headers}  # type: ignore[assignment]


class Answered(requests.Response):
    """A response of which only status, headers and the unread body are looked at."""

    def __init__(self, raw: Any) -> None:
        # Not the parent's: it makes a cookie jar for every response.
        self.status_code = raw.status
        self.headers = raw.headers
        self.raw = raw
        self._content = None  # never read by requests itself
        self._content_consumed = False


class _OnePacket:
    """Connects, and then writes head and body at once: the body is asked for when the connection stands, never earlier."""

    sock: socket.socket | None
    _held: bytearray | None = None

    @property
    def is_connected(self) -> bool:
        """Whether nothing came on an idle connection: the far end's close, most likely."""
        if self.sock is None:
            return False
        try:
            came, _, _ = select.select([self.sock], [], [], 0)
        except ValueError:  # select knows the first 1024 files only
            return bool(super().is_connected)  # type: ignore[misc]  # as good, but among greenlets eight times as dear
        return not came

    def request(self, *args: Any, **options: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        self._held = bytearray()
        try:
            super().request(*args, **options)  # type: ignore[misc]
            held, self._held = self._held, None
            self.send(held)
        finally:
            self._held = None

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)  # type: ignore[misc]
        else:
            self._held += data


class _Connection(_OnePacket, HTTPConnection):
    pass


class _SecureConnection(_OnePacket, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class SubmitAdapter(HTTPAdapter):
    """Keeps what it found out about a URL: there are three of them."""

    def __init__(self, concurrency: int, proxy: str | None) -> None:
        super().__init__(pool_maxsize=concurrency, max_retries=0)
        self.poolmanager.pool_classes_by_scheme = _POOLS
        self._proxy = proxy
        self._known: dict[str, tuple[Any, str]] = {}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The pools behind a proxy, with connections of ours."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """The pool of a URL, with its certificates looked up once."""
        known = self._known.get(request.url)
        if known is None:
            url = urlsplit(request.url)
            proxy = None if _of_this_host(url.hostname or "") else self._proxy
            pool = super().get_connection_with_tls_context(request, verify, {"all": proxy} if proxy else None, cert)
            # A proxy's certificate is verified too, whatever is behind it.
            secured = proxy if proxy and proxy.startswith("https:") else request.url
            super().cert_verify(pool, secured, verify, cert)  # type: ignore[no-untyped-call]
            target = request.url if proxy and url.scheme == "http" else url.path
            known = self._known[request.url] = (pool, target)
        return known[0]

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Done with the pool."""

    def request_url(self, request: Any, proxies: Any) -> str:
        """What stands in the request's first line: the path, or all of the URL where a proxy has to be told it."""
        _, target = self._known[request.url]
        return target

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Without cookies, encoding and history."""
        return Answered(resp)


def _of_this_host(host: str) -> bool:
    """Whether no proxy could reach it for us: a simulator, a tunnel's end."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_session(concurrency: int, proxy: str | None = None) -> requests.Session:
    """A session for ``concurrency`` submits at once, with a connection kept for each, through ``proxy`` if there is one.

    No retries: a submit is not idempotent. No environment: a proxy variable or a netrc must not reroute or sign it.
    No cookies: every submit stands alone.
    """
    session = SubmitSession()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    adapter = SubmitAdapter(concurrency, proxy)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session

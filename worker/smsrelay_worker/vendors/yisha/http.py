"""The HTTP session for submits: no retries, no redirects, no cookies, no environment, one packet a request.

``open_session`` takes the number of concurrent submits and the proxy, and returns a ``requests.Session`` with its connection
pool. Give a ``Post`` to the session's adapter directly. Open the session in the process that uses it: a socket shared across a
fork mixes up two answers.

It goes through the extension points of requests to skip the per-call work that a submit does not need: looking up pool and
certificates again, cookies, and a second packet for the body.
"""

import ipaddress
import select
from collections.abc import Iterable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from smsrelay_worker.one_packet import OnePacket

_HEADERS = {"User-Agent": "smsrelay"}


class SubmitSession(requests.Session):
    """A session that follows no redirects."""

    def get_redirect_target(self, resp: Any) -> None:
        """Always None: even with redirects off, requests parses the target and raises on a malformed one."""
        return


class Post(requests.PreparedRequest):
    """One POST, prepared by hand: headers and form go on the wire unchanged."""

    def __init__(self, url: str, headers: Mapping[str, str], form: Iterable[bytes], length: int) -> None:
        super().__init__()
        self.method = "POST"
        self.url = url
        self.body = form  # type: ignore[assignment]  # requests sends any iterable; its annotation is narrower
        self.headers = {**_HEADERS, "Content-Length": str(length), **headers}  # type: ignore[assignment]


class BareResponse(requests.Response):
    """A response with a status, headers and an unread body, and nothing else."""

    def __init__(self, raw: Any) -> None:
        # The parent's __init__ is skipped: it creates a cookie jar for every response.
        self.status_code = raw.status
        self.headers = raw.headers
        self.raw = raw
        self._content = None  # never read by requests itself
        self._content_consumed = False


class _Checked(OnePacket):
    """Looks whether an idle connection was closed before it is used again."""

    @property
    def is_connected(self) -> bool:
        """Whether the connection is usable. Anything readable on an idle one is most likely the far end's close."""
        if self.sock is None:
            return False
        try:
            readable, _, _ = select.select([self.sock], [], [], 0)
        except ValueError:  # select handles file descriptors below 1024 only
            return bool(super().is_connected)  # type: ignore[misc]  # as good, but eight times as slow among greenlets
        return not readable


class _Connection(_Checked, HTTPConnection):
    pass


class _SecureConnection(_Checked, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class SubmitAdapter(HTTPAdapter):
    """Caches the pool and request target of each URL; there are only three."""

    def __init__(self, concurrency: int, proxy: str | None) -> None:
        super().__init__(pool_maxsize=concurrency, max_retries=0)
        self.poolmanager.pool_classes_by_scheme = _POOLS
        self._proxy = proxy
        self._known: dict[str, tuple[Any, str]] = {}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The pools behind a proxy, with our connection classes."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """The pool for a URL; its certificates are looked up once."""
        known = self._known.get(request.url)
        if known is None:
            url = urlsplit(request.url)
            proxy = None if _is_loopback(url.hostname or "") else self._proxy
            pool = super().get_connection_with_tls_context(request, verify, {"all": proxy} if proxy else None, cert)
            # The proxy's own certificate is verified too, whatever the URL behind it.
            secured = proxy if proxy and proxy.startswith("https:") else request.url
            super().cert_verify(pool, secured, verify, cert)  # type: ignore[no-untyped-call]
            target = request.url if proxy and url.scheme == "http" else url.path
            known = self._known[request.url] = (pool, target)
        return known[0]

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing: it was done when the pool was created."""

    def request_url(self, request: Any, proxies: Any) -> str:
        """The target in the request line: the path, or the whole URL for plain HTTP through a proxy."""
        _, target = self._known[request.url]
        return target

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """A response without cookies, encoding and history."""
        return BareResponse(resp)


def _is_loopback(host: str) -> bool:
    """Whether the host is this machine, such as the simulator or the end of a tunnel: no proxy could reach it for us."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_session(concurrency: int, proxy: str | None = None) -> requests.Session:
    """A session for ``concurrency`` submits at once, with a pooled connection for each, through ``proxy`` if there is one.

    No retries, because a submit is not idempotent. No environment, because a proxy variable or a netrc must not reroute or sign
    it. No cookies, because submits are independent of each other.
    """
    session = SubmitSession()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    adapter = SubmitAdapter(concurrency, proxy)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session

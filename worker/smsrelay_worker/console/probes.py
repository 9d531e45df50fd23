"""Probes: ``/healthz`` and ``/readyz``, for whatever restarts the console, or sends people to it.

They stand before everything else: a probe calls the console by an address, signs in nowhere and learns nothing. Neither takes one
of the threads in which pages read the store, so they are answered while all of those wait.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.connection import StoreUnavailable

_WITHIN = 3.0  # seconds for the store to answer; those who ask commonly wait for five
_PATHS = {"/healthz", "/readyz"}
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Probes:
    """An ASGI app around the console's. ``ready``: whether it could show anything now."""

    def __init__(self, app: ASGIApp, ready: Callable[[], Awaitable[bool]]) -> None:
        self._app = app
        self._ready = ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] not in _PATHS:
            await self._app(scope, receive, send)
            return
        response = await self._answer(scope["path"], scope["method"])
        await response(scope, receive, send)

    async def _answer(self, path: str, method: str) -> Response:
        if method not in {"GET", "HEAD"}:
            return Response(status_code=405, headers={**_HEADERS, "allow": "GET, HEAD"})
        if path == "/healthz":
            return _said("ok")
        return _said("ready") if await self._ready() else _said("store unavailable", 503)


async def store_readable(store: AsyncStore) -> bool:
    """Whether the store can be read. It need not take writes: while it refuses them, the console says why."""
    try:
        await store.execute([("TIME",)], asyncio.get_running_loop().time() + _WITHIN)
    except StoreUnavailable:
        return False
    return True


def _said(status: str, code: int = 200) -> Response:
    return Response(json.dumps({"status": status}), code, _HEADERS, "application/json")

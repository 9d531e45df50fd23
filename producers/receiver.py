"""The receiver: an ASGI app that takes the vendor's status callbacks and puts them on the queue.

Enters: POST on the signed path of a callback URL (or, where that is switched on, on the bare path). Leaves:
200, and only once ``keep`` has returned, so a report that was answered with 200 is on the broker or on the disk.
When it fails: 404 for a path we did not write, 400 for a body nothing can be made of, 413 for one that is too
large, 503 with Retry-After while neither broker nor spool takes the report. Answers are constant; nothing of a
body or of an unproven path is echoed or logged.

Whoever serves this app switches the server's access log off: the paths carry the tokens.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from producers.callback import CallbackUnreadable, read_callback
from producers.event import StatusEvent
from producers.forward import Kept
from producers.spool import SpoolUnavailable
from producers.token import CallbackToken, verify

_RETRY_AFTER = {"Retry-After": "5"}  # seconds
_CLOSE = {"Connection": "close"}  # else the server reads on, to find the next request behind the unread body

_SIGNED = re.compile(r"/callback/([^/]+)/([^/]+)/([^/]+)")
_Answer = tuple[Message, Message]

_log: FilteringBoundLogger = structlog.get_logger()


class _CutOff(Exception):
    """The caller hung up before the body was whole."""


def _answer(status: int, text: str, headers: dict[str, str] | None = None) -> _Answer:
    """A constant answer, as ASGI sends it."""
    response = PlainTextResponse(text, status, headers)
    start = {"type": "http.response.start", "status": status, "headers": response.raw_headers}
    return start, {"type": "http.response.body", "body": response.body}


_OK = _answer(200, "ok\n")
_NOT_FOUND = _answer(404, "not found\n", _CLOSE)
_TOO_LARGE = _answer(413, "too large\n", _CLOSE)
_CUT_OFF = _answer(400, "cut off\n")  # nobody reads it; the vendor has to call again
_UNREADABLE = _answer(400, "unreadable\n")
_TRY_LATER = _answer(503, "try again later\n", _RETRY_AFTER)


@dataclass(frozen=True, slots=True)
class _Callbacks:
    """Takes callbacks. ASGI by hand, for they come by the thousand: Starlette's way here and back costs as much as the rest."""

    keep: Callable[[StatusEvent], Awaitable[Kept]]
    secret: bytes
    clock: Callable[[], int]
    max_body: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """On a path that names message and attempt, or on the bare one, where only the external id names an attempt."""
        start, body = await self._answer(scope, receive)
        await send(start)
        await send(body)

    async def _answer(self, scope: Scope, receive: Receive) -> _Answer:
        signed = _SIGNED.fullmatch(scope["path"])
        token = verify(self.secret, *signed.groups()) if signed else None
        if signed and token is None:
            _log.warning("callback.forged")
            return _NOT_FOUND
        event = await self._read(scope, receive, token)
        return await self._keep(event) if isinstance(event, StatusEvent) else event

    async def _read(self, scope: Scope, receive: Receive, token: CallbackToken | None) -> StatusEvent | _Answer:
        headers = dict(scope["headers"])
        try:
            body = await _read_body(headers, receive, self.max_body)
            if body is None:
                _log.warning("callback.too_large", **_about(token))
                return _TOO_LARGE
            return read_callback(body, headers.get(b"content-type", b"").decode("latin-1"), self.clock(), token)
        except _CutOff:
            _log.warning("callback.cut_off", **_about(token))
            return _CUT_OFF
        except CallbackUnreadable as error:
            _log.warning("callback.unreadable", reason=str(error), **_about(token))
            return _UNREADABLE

    async def _keep(self, event: StatusEvent) -> _Answer:
        try:
            await self.keep(event)
        except SpoolUnavailable as error:
            _log.error("callback.not_kept", code=event.code, reason=str(error), **_about(event))
            return _TRY_LATER
        return _OK


@dataclass(frozen=True, slots=True)
class _Receiver:
    """The app: signed callbacks straight, everything else by way of Starlette."""

    callbacks: ASGIApp
    rest: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        straight = scope["type"] == "http" and scope["method"] == "POST" and _SIGNED.fullmatch(scope["path"])
        await (self.callbacks if straight else self.rest)(scope, receive, send)


def create_app(
    keep: Callable[[StatusEvent], Awaitable[Kept]],
    ready: Callable[[], bool],
    secret: bytes,
    clock: Callable[[], int],
    *,
    max_body: int = 64 * 1024,
    unsigned: bool = False,
) -> ASGIApp:
    """The app. ``keep`` makes a report durable; ``ready`` may block, it runs in a thread; ``clock`` gives epoch milliseconds.

    ``unsigned`` opens ``POST /callback`` to anybody who can reach it: only for a vendor that drops URL paths.
    """

    async def healthz(_request: Request) -> Response:
        """The process is alive."""
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        """A callback that came now would be kept, by the broker or by the spool."""
        if await run_in_threadpool(ready):
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", 503, _RETRY_AFTER)

    callbacks = _Callbacks(keep, secret, clock, max_body)
    routes = [
        Route("/callback/{message_id}/{attempt}/{mac}", callbacks, methods=["POST"]),  # only to refuse other methods
        Route("/healthz", healthz),
        Route("/readyz", readyz),
    ]
    if unsigned:
        routes.append(Route("/callback", callbacks, methods=["POST"]))
    rest = Starlette(routes=routes)
    rest.router.redirect_slashes = False  # a redirect would repeat the token in its Location
    return _Receiver(callbacks, rest)


def _about(named: CallbackToken | StatusEvent | None) -> dict[str, str | int | None]:
    """What the log says of whose callback it is."""
    return {"message_id": named.message_id, "attempt": named.attempt} if named else {"message_id": None, "attempt": None}


async def _read_body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes | None:
    """The body, or None as soon as it passes the limit, by its header's word or in fact; raises ``_CutOff``."""
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or len(declared) > 18 or int(declared) > limit:
        return None
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _CutOff
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            return None
    return body

"""The receiver: an ASGI app that takes the vendor's status callbacks and puts them on the queue.

Enters: POST on the signed path of a callback URL (or, where that is switched on, on the bare path). Leaves:
200, and only once ``keep`` has returned, so a report that was answered with 200 is on the broker or on the disk.
When it fails: 404 for a path we did not write, 400 for a body nothing can be made of, 413 for one that is too
large, 503 with Retry-After while neither broker nor spool takes the report. Answers are constant; nothing of a
body or of an unproven path is echoed or logged.

Whoever serves this app switches the server's access log off: the paths carry the tokens.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.typing import FilteringBoundLogger

from producers.callback import CallbackUnreadable, read_callback
from producers.event import StatusEvent
from producers.forward import Kept
from producers.spool import SpoolUnavailable
from producers.token import CallbackToken, verify

_RETRY_AFTER = {"Retry-After": "5"}  # seconds
_ANSWER_WITHIN = 4.0  # seconds; the vendor waits 5 for the 200
_CLOSE = {"Connection": "close"}  # else the server reads on, to find the next request behind the unread body

_log: FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Receiver:
    keep: Callable[[StatusEvent], Awaitable[Kept]]
    ready: Callable[[], bool]
    secret: bytes
    clock: Callable[[], int]
    max_body: int

    async def signed(self, request: Request) -> Response:
        """A callback on a path that names message and attempt."""
        token = verify(self.secret, **request.path_params)
        if token is None:
            _log.warning("callback.forged")
            return PlainTextResponse("not found\n", 404, _CLOSE)
        return await self._take(request, token)

    async def unsigned(self, request: Request) -> Response:
        """A callback that only its external id can tie to an attempt."""
        return await self._take(request, None)

    async def healthz(self, _request: Request) -> Response:
        """The process is alive."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        """A callback that came now would be kept, by the broker or by the spool."""
        if await run_in_threadpool(self.ready):
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", 503, _RETRY_AFTER)

    async def _take(self, request: Request, token: CallbackToken | None) -> Response:
        log = _log.bind(message_id=token and token.message_id, attempt=token and token.attempt)
        try:
            body = await _read_body(request, self.max_body)
            if body is None:
                log.warning("callback.too_large")
                return PlainTextResponse("too large\n", 413, _CLOSE)
            event = read_callback(body, request.headers.get("content-type"), self.clock(), token)
        except ClientDisconnect:
            log.warning("callback.cut_off")
            return PlainTextResponse("cut off\n", 400)  # nobody reads it; the vendor has to call again
        except CallbackUnreadable as error:
            log.warning("callback.unreadable", reason=str(error))
            return PlainTextResponse("unreadable\n", 400)
        return await self._kept(event, log)

    async def _kept(self, event: StatusEvent, log: FilteringBoundLogger) -> Response:
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                kept = await self.keep(event)
        except (SpoolUnavailable, TimeoutError) as error:
            log.error("callback.not_kept", code=event.code, reason=str(error) or "neither broker nor disk answered")
            return PlainTextResponse("try again later\n", 503, _RETRY_AFTER)
        log.info(f"callback.{kept}", code=event.code)
        return PlainTextResponse("ok\n")


def create_app(
    keep: Callable[[StatusEvent], Awaitable[Kept]],
    ready: Callable[[], bool],
    secret: bytes,
    clock: Callable[[], int],
    *,
    max_body: int = 64 * 1024,
    unsigned: bool = False,
) -> Starlette:
    """The app. ``keep`` makes a report durable; ``ready`` may block, it runs in a thread; ``clock`` gives epoch milliseconds.

    ``unsigned`` opens ``POST /callback`` to anybody who can reach it: only for a vendor that drops URL paths.
    """
    receiver = _Receiver(keep, ready, secret, clock, max_body)
    routes = [
        Route("/callback/{message_id}/{attempt}/{mac}", receiver.signed, methods=["POST"]),
        Route("/healthz", receiver.healthz),
        Route("/readyz", receiver.readyz),
    ]
    if unsigned:
        routes.append(Route("/callback", receiver.unsigned, methods=["POST"]))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False  # a redirect would repeat the token in its Location
    return app


async def _read_body(request: Request, limit: int) -> bytes | None:
    """The body, or None as soon as it passes the limit, by its header's word or in fact."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or len(declared) > 18 or int(declared) > limit:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)

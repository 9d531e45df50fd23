"""The receiver: an ASGI app that takes the vendor's status callbacks and puts them on the queue.

Accepts POST on the signed path of a callback URL, whatever a proxy puts in front of it, and, if enabled, on the unsigned path
``/callback``. It answers 200 only after ``keep`` has returned: the report is then on the broker or on disk. An unreadable
callback on a signed path is stored as well, for an operator, and answered 200, because sending it again would not help.

Errors: 404 without a valid signature; 400 for a body that is empty, cut off, or unreadable on the unsigned path; 413 if it is too
large; 429 for too many unsigned callbacks; 503 with Retry-After while neither broker nor spool takes it. Responses are constant.
Nothing of a body or of an unsigned path is echoed or logged.

Serve this app with the server's access log off, because the paths contain the tokens.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from smsrelay.contract.callback_token import PROBE, PROBE_ANSWER, CallbackToken, is_unsigned_path, token_from_path
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.unreadable_callback import Received, UnreadableCallback
from smsrelay.receiver.batcher import Kept
from smsrelay.receiver.callback.content_encoding import Damaged, TooLong, decoded
from smsrelay.receiver.callback.reading import CallbackReading, Unreadable, read_callback
from smsrelay.receiver.callback.shape import body_shape
from smsrelay.receiver.refused_requests import Refusal, RefusedRequests, refusal_of
from smsrelay.receiver.spool import SpoolUnavailable
from smsrelay.receiver.throttle import Throttle

_UNSIGNED_BODY = 4096  # bytes, the limit for an unsigned callback; one report has about 300
_LONGEST_TYPE = 256  # characters of a Content-Type
_RETRY_AFTER = {"Retry-After": "5"}  # seconds
_CLOSE = {"Connection": "close"}  # otherwise the server reads the rest of the body to find the next request

_Answer = tuple[Message, Message]

_log: FilteringBoundLogger = structlog.get_logger()


class _CutOff(Exception):
    """The caller disconnected before the body was complete."""


def _answer(status: int, text: str, headers: dict[str, str] | None = None) -> _Answer:
    """A constant response, as the two ASGI messages to send."""
    response = PlainTextResponse(text, status, headers)
    start = {"type": "http.response.start", "status": status, "headers": response.raw_headers}
    return start, {"type": "http.response.body", "body": response.body}


_OK = _answer(200, "")  # an empty body is sent with the head, in one write instead of two
_PROBED = _answer(200, PROBE_ANSWER.decode())
_NOT_FOUND = _answer(404, "not found\n", _CLOSE)
_NOT_A_POST = _answer(405, "POST only\n", {"Allow": "POST", **_CLOSE})
_TOO_LARGE = _answer(413, "too large\n", _CLOSE)
_CUT_OFF = _answer(400, "cut off\n")  # nobody receives it; the vendor has to call again
_UNREADABLE = _answer(400, "unreadable\n")
_TOO_MANY = _answer(429, "too many\n", {"Retry-After": "1", **_CLOSE})
_TRY_LATER = _answer(503, "try again later\n", _RETRY_AFTER)


@dataclass(frozen=True, slots=True)
class _Callbacks:
    """Answers callbacks with plain ASGI: going through Starlette would double the time of each."""

    keep: Callable[[Received], Awaitable[Kept]]
    refused: RefusedRequests
    keys: KeyRing
    clock: Callable[[], int]
    max_body: int
    unsigned: Throttle | None

    async def take(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a POST. On the unsigned path, only the vendor's external id says which attempt a report is about."""
        await _send(send, await self._answer(scope, receive))

    async def refuse_method(self, scope: Scope, send: Send) -> bool:
        """Answer a request with another method if its path is signed; returns whether it was."""
        if token_from_path(self.keys, scope["path"]) is None:
            return False
        self.refused.count(scope["path"], Refusal.NOT_A_POST)
        await _send(send, _NOT_A_POST)
        return True

    async def _answer(self, scope: Scope, receive: Receive) -> _Answer:
        path = scope["path"]
        token = token_from_path(self.keys, path)
        if token is None and not (self.unsigned and is_unsigned_path(path)):
            self.refused.count(path, refusal_of(path))
            return _NOT_FOUND
        if token is not None and token.expired(self.clock()):
            self.refused.count(path, Refusal.EXPIRED)
            return _NOT_FOUND
        if token is None and self.unsigned and not self.unsigned.allow():
            self.refused.count(path, Refusal.TOO_MANY_UNSIGNED)
            return _TOO_MANY
        if token == PROBE:
            return _PROBED
        return await self._receive(scope, receive, token)

    async def _receive(self, scope: Scope, receive: Receive, token: CallbackToken | None) -> _Answer:
        headers = dict(scope["headers"])
        try:
            body = await _read_body(headers, receive, self.max_body if token else min(self.max_body, _UNSIGNED_BODY))
        except _CutOff:
            if not self._counted(token):
                _log.warning("callback.cut_off", **_about(token))
            return _CUT_OFF
        except TooLong:
            if not self._counted(token):
                _log.warning("callback.too_large", **_about(token))
            return _TOO_LARGE
        return await self._take(body, headers, token)

    async def _take(self, raw: bytes, headers: dict[bytes, bytes], token: CallbackToken | None) -> _Answer:
        content_type = headers.get(b"content-type", b"")[:_LONGEST_TYPE].decode("latin-1")
        now = self.clock()
        try:
            body = decoded(raw, headers.get(b"content-encoding", b""), self.max_body)
            reading = read_callback(body, content_type, now, token, by_external_id=self.unsigned is not None)
        except TooLong:
            if not self._counted(token):
                _log.warning("callback.too_large", **_about(token))
            return _TOO_LARGE
        except Damaged as error:
            body, reading = raw, CallbackReading((), Unreadable(str(error), body_shape(raw, None)))
        if reading.unreadable is None:
            return await self._keep(reading.reports, token)
        unreadable = None
        if token is not None and body.strip():
            unreadable = UnreadableCallback(
                token, now, f"{reading.unreadable.reason}; {reading.unreadable.shape}", body, content_type
            )
        if not self._counted(token):
            _log_unreadable(reading, unreadable, token)
        if not reading.reports and unreadable is None:
            return _UNREADABLE
        return await self._keep((*reading.reports, *([unreadable] if unreadable else ())), token)

    def _counted(self, token: CallbackToken | None) -> bool:
        """Count a bad callback if it is unsigned; returns whether it was. It is not logged: anybody could flood the log."""
        if token is None:
            self.refused.count("", Refusal.UNREADABLE_UNSIGNED)
        return token is None

    async def _keep(self, received: Sequence[Received], token: CallbackToken | None) -> _Answer:
        try:
            if len(received) == 1:
                await self.keep(received[0])
            else:
                await self._keep_all(received)
        except SpoolUnavailable as error:
            codes = [one.code for one in received if not isinstance(one, UnreadableCallback)]
            _log.error("callback.not_kept", codes=codes, reason=str(error), **_about(token))
            return _TRY_LATER
        return _OK

    async def _keep_all(self, received: Sequence[Received]) -> None:
        kept = await asyncio.gather(*map(self.keep, received), return_exceptions=True)
        for one in kept:
            if isinstance(one, BaseException):
                raise one


@dataclass(frozen=True, slots=True)
class _Receiver:
    """The app: callbacks are answered directly, everything else goes through Starlette."""

    callbacks: _Callbacks
    rest: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            await self.callbacks.take(scope, receive, send)
        elif scope["type"] != "http" or not await self.callbacks.refuse_method(scope, send):
            await self.rest(scope, receive, send)


def create_app(
    keep: Callable[[Received], Awaitable[Kept]],
    ready: Callable[[], bool],
    refused: RefusedRequests,
    keys: KeyRing,
    clock: Callable[[], int],
    *,
    max_body: int = 64 * 1024,
    unsigned: Throttle | None = None,
) -> ASGIApp:
    """Build the app. ``keep`` stores a report durably; ``ready`` may block, it runs in a thread; ``keys`` sign callback
    URLs; ``clock``: epoch ms.

    ``unsigned`` opens ``POST /callback`` to anybody who can reach it, at its rate: only for a vendor that drops the URL's path.
    """

    async def healthz(_request: Request) -> Response:
        """Answers 200: the process is alive."""
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        """Answers 200 if a callback could be stored now, on the broker or in the spool, else 503."""
        if await run_in_threadpool(ready):
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", 503, _RETRY_AFTER)

    async def post_only(_request: Request) -> Response:
        """Answers 405: the unsigned path with another method."""
        return PlainTextResponse("POST only\n", 405, {"Allow": "POST"})

    probes = {"healthz": healthz, "readyz": readyz}
    routes = [Route(f"{prefix}/{name}", probe) for prefix in ("", "/{prefix:path}") for name, probe in probes.items()]
    if unsigned:
        routes.append(Route("/callback", post_only))
    rest = Starlette(routes=routes)
    rest.router.redirect_slashes = False  # a redirect would repeat the token in its Location
    return _Receiver(_Callbacks(keep, refused, keys, clock, max_body, unsigned), rest)


async def _send(send: Send, answer: _Answer) -> None:
    start, body = answer
    await send(start)
    await send(body)


def _log_unreadable(reading: CallbackReading, kept: UnreadableCallback | None, token: CallbackToken | None) -> None:
    """Log what could not be parsed: the reason, and the structure without values."""
    if reading.unreadable is not None:
        _log.warning(
            "callback.unreadable",
            reason=reading.unreadable.reason,
            shape=reading.unreadable.shape,
            reports=len(reading.reports),
            kept_id=kept.kept_id if kept else None,
            **_about(token),
        )


def _about(token: CallbackToken | None) -> dict[str, str | int | None]:
    """Log fields that say which attempt a callback is about."""
    return {"message_id": token.message_id, "attempt": token.attempt} if token else {"message_id": None, "attempt": None}


async def _read_body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The body; raises ``TooLong`` as soon as its Content-Length or its actual length exceeds the limit, and ``_CutOff``."""
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or len(declared) > 18 or int(declared) > limit:
        raise TooLong("the body is too long")
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _CutOff
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise TooLong("the body is too long")
    return body

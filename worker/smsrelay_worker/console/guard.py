"""Guard: what holds for every answer of the console, static files and errors included.

It answers nobody who calls it by a name it does not know, and tells browsers to run and load nothing but its own files.
"""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smsrelay_worker.console.hosts import KnownHosts

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)
_HEADERS: Sequence[tuple[bytes, bytes]] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (
        b"referrer-policy",
        b"same-origin",
    ),  # with no-referrer, browsers send Origin: null, and a form could not be told from a foreign one
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_STATIC = (b"cache-control", b"no-cache")  # asks each time, and is answered 304
_PAGES = (b"cache-control", b"no-store")


class Guard:
    """An ASGI app around the console's."""

    def __init__(self, app: ASGIApp, hosts: KnownHosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        cache = _STATIC if scope["path"].startswith("/static/") else _PAGES

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [one for one in message["headers"] if one[0] != b"cache-control"]
                message = {**message, "headers": [*kept, cache, *_HEADERS]}
            await send(message)

        names = [value for name, value in scope["headers"] if name == b"host"]
        if len(names) != 1 or not self._hosts.knows(names[0].decode("latin-1")):
            refusal = PlainTextResponse("This console is not known by that name; see SMSRELAY_CONSOLE_HOSTS.\n", 421)
            await refusal(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except HTTPException as error:  # of a static file that does not exist
            refusal = PlainTextResponse(error.detail, error.status_code)
            await refusal(scope, receive, send_with_headers)

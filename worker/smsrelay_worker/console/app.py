"""ConsoleApp: finds the page, checks who asks and whether a form is ours, and answers.

Nothing is shown to anybody who has not signed in. A POST without the token of the browser's own session is refused, and so is one
that would change something where the console is read-only. An unexpected exception becomes a page and one log line with its class
and place, because its text may hold anything.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote, urlsplit

import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.console.door import Door
from smsrelay_worker.console.forms import read_form
from smsrelay_worker.console.languages.catalogue import catalogue_of, preferred
from smsrelay_worker.console.notices import Notices
from smsrelay_worker.console.page import FRAGMENT, Page, Refused, Visit
from smsrelay_worker.console.rendering import Renderer
from smsrelay_worker.console.session import Session

LANGUAGE_COOKIE = "lang"
SIGN_IN = "/sign-in"
_ROOM = __name__.rpartition(".")[0]

_log: FilteringBoundLogger = structlog.get_logger()


class ConsoleApp:
    """The ASGI app of all pages; ``actions``: whether they may change anything."""

    def __init__(self, pages: Sequence[Page], door: Door, renderer: Renderer, *, actions: bool) -> None:
        self._door = door
        self._renderer = renderer
        self._actions = actions
        self._notices = Notices()
        routes = [Route(page.path, self._endpoint(page), methods=page.methods) for page in pages]
        static = Mount("/static", StaticFiles(packages=[(_ROOM, "static")]))
        missing = self._endpoint(Page("", get=_not_found, post=_not_found))
        self._router = Router([*routes, static], redirect_slashes=False, default=_Default(missing))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._router(scope, receive, send)

    def _endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            session, cookie = self._door.session(request)
            visit = self._visit(request, session)
            try:
                response = await self._answer(page, visit)
            except Refused as refused:
                response = _refusal(visit, refused)
            except StoreUnavailable as problem:
                of_form = request.method == "POST"
                response = visit.page("unavailable.html", status=503, said=str(problem), of_form=of_form)
            except Exception as error:  # noqa: BLE001  its text may hold anything, so only its class and place are logged
                _log.error("console.failed", page=page.path, error=type(error).__name__, place=_place(error))
                response = _refusal(visit, Refused(500, "failed"))
            if cookie is not None:
                cookie.set_on(response)
            return response

        return answer

    def _visit(self, request: Request, session: Session, form: Mapping[str, Sequence[str]] | None = None) -> Visit:
        language = preferred(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))
        token = self._door.sessions.form_token(session)
        return Visit(
            request,
            session,
            catalogue_of(language),
            self._renderer,
            self._notices,
            token,
            actions=self._actions,
            by_proxy=self._door.by_proxy,
            form=form or {},
        )

    async def _answer(self, page: Page, visit: Visit) -> Response:
        request = visit.request
        if not visit.who and not page.public:
            return self._to_sign_in(visit)
        if request.method == "POST":
            if page.changes and not self._actions:
                raise Refused(403, "read_only")
            _require_own_origin(request)
            form = await read_form(request)
            visit = self._visit(request, visit.session, form)
            if not self._door.sessions.is_form_token(visit.session, visit.field("form_token")):
                raise Refused(403, "form_token")
            answering = page.post
        else:
            answering = page.get
        assert answering is not None  # noqa: S101  the router lets through what the page answers
        return await run_sync(answering, visit)

    def _to_sign_in(self, visit: Visit) -> Response:
        """Where to sign in. A session's cookie does not come along from another site; a reload from our own page brings it."""
        request = visit.request
        if self._door.by_proxy:
            raise Refused(403, "proxy")
        if FRAGMENT in request.headers or request.method == "POST":
            raise Refused(401, "signed_out")
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if request.headers.get("sec-fetch-site") == "cross-site":
            return visit.page("arrived.html", target=path)
        return RedirectResponse(f"{SIGN_IN}?next={quote(path, safe='')}" if path != "/" else SIGN_IN, 303)


class _Default:
    """Answers where no route does."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in {"GET", "HEAD", "POST"}:
            response = await self._answer(Request(scope, receive))
        else:
            response = PlainTextResponse("Method Not Allowed", 405)
        await response(scope, receive, send)


def _require_own_origin(request: Request) -> None:
    """Raises ``Refused`` for a form that a browser says comes from another site."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    if site not in {"same-origin", "none"} or (origin is not None and urlsplit(origin).netloc != request.headers.get("host")):
        raise Refused(403, "origin")


def _not_found(_visit: Visit) -> Response:
    raise Refused(404, "not_found")


def _refusal(visit: Visit, refused: Refused) -> Response:
    return visit.page("refused.html", status=refused.status, reason=refused.reason)


def _place(error: Exception) -> str:
    """Module and line at which an exception was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else "?"

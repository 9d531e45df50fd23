"""The ASGI app of the HTTP API: finds the operation, checks the key and its scope, and answers.

Plain ASGI: going through a framework would double the time of a request. Whatever happens, the answer is JSON, or a problem; an
unexpected exception becomes a 500 and one log line with its class and place, because its text may hold anything.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from starlette.types import Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.api.docs_page import CONTENT_SECURITY_POLICY, docs_page
from smsrelay_worker.api.exchange import Answer, Refused, Request, headers_of, json_answer
from smsrelay_worker.api.lookups import Endpoint
from smsrelay_worker.api.openapi import openapi
from smsrelay_worker.api.operations import OPERATIONS, Operation
from smsrelay_worker.api.problem_code import ProblemCode
from smsrelay_worker.api.refusal_log import RefusalLog
from smsrelay_worker.store.api.api_key import ApiKey
from smsrelay_worker.store.api.api_key import Scope as KeyScope

_BEARER = b"bearer "
_CHALLENGE = (b"www-authenticate", b"Bearer")
_NAMED = 3  # place among the segments of a path of what it names
_PLACEHOLDERS = {"messages": "{id}", "campaigns": "{name}"}

_log: FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Route:
    """The operations of one path, by method, each with what carries it out."""

    by_method: Mapping[str, tuple[Operation, Endpoint]]

    @property
    def allow(self) -> bytes:
        """The methods, for ``Allow``."""
        return ", ".join(sorted({*self.by_method, *(["HEAD"] if "GET" in self.by_method else [])})).encode()


def _public_pages() -> dict[str, Answer]:
    html = docs_page(openapi()).encode()
    policy = (b"content-security-policy", CONTENT_SECURITY_POLICY.encode())
    return {
        "/healthz": json_answer({"status": "ok"}),
        "/openapi.json": json_answer(openapi()),
        "/docs": Answer(200, html, ((b"content-type", b"text/html; charset=utf-8"), policy)),
    }


@dataclass(frozen=True, slots=True)
class ApiApp:
    """``endpoints``: what carries out each operation, by its name; ``key_of``: the key that a token is;
    ``ready``: whether a job could be accepted now.
    """

    endpoints: Mapping[str, Endpoint]
    key_of: Callable[[str], Awaitable[ApiKey | None]]
    ready: Callable[[], Awaitable[bool]]
    refusals: RefusalLog = field(default_factory=RefusalLog)
    pages: Mapping[str, Answer] = field(default_factory=_public_pages)
    routes: dict[str, _Route] = field(init=False)

    def __post_init__(self) -> None:
        paths = {operation.path for operation in OPERATIONS}
        by_path = {path: [one for one in OPERATIONS if one.path == path] for path in paths}
        routes = {path: _Route({one.method: (one, self.endpoints[one.name]) for one in found}) for path, found in by_path.items()}
        object.__setattr__(self, "routes", routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        answer = await self._answer(scope, receive)
        await answer.send(send, head=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        key: ApiKey | None = None
        try:
            public = await self._public(scope)
            if public is not None:
                return public
            route, named = self._route(scope["path"])
            operation, endpoint = _of_method(route, scope["method"])
            headers = headers_of(scope)
            key = await self._key(headers)
            _require(operation.scope, key)
            return await endpoint(Request(key, headers, receive, scope["query_string"], named))
        except Refused as error:
            refused = error
        except StoreUnavailable:
            refused = Refused.unavailable()
        except Exception as error:  # noqa: BLE001  its text may hold anything, so only its class and place are logged
            _log.error("api.failed", method=scope["method"], error=type(error).__name__, place=_place(error))
            refused = Refused(ProblemCode.INTERNAL)
        self.refusals.count(key.key_id if key else None, refused.code)
        return refused.answer()

    async def _public(self, scope: Scope) -> Answer | None:
        """What needs no key; None for everything else."""
        path = scope["path"]
        if path != "/readyz" and path not in self.pages:
            return None
        if scope["method"] not in {"GET", "HEAD"}:
            raise Refused(ProblemCode.METHOD_NOT_ALLOWED, headers=[(b"allow", b"GET, HEAD")])
        if path != "/readyz":
            return self.pages[path]
        if not await self.ready():
            raise Refused.unavailable()
        return json_answer({"status": "ready"})

    def _route(self, path: str) -> tuple[_Route, str]:
        """The route of a path, and what the path names: an id or a name; raises ``Refused``."""
        route = self.routes.get(path)
        if route is not None and "{" not in path:
            return route, ""
        parts: Sequence[str] = path.split("/")
        if len(parts) > _NAMED and parts[_NAMED]:
            route = self.routes.get("/".join([*parts[:_NAMED], _PLACEHOLDERS.get(parts[_NAMED - 1], ""), *parts[_NAMED + 1 :]]))
            if route is not None:
                return route, parts[_NAMED]
        raise Refused(ProblemCode.NOT_FOUND)

    async def _key(self, headers: Mapping[bytes, bytes]) -> ApiKey:
        header = headers.get(b"authorization", b"")
        if header[: len(_BEARER)].lower() != _BEARER:
            raise Refused(ProblemCode.NO_KEY, headers=[_CHALLENGE])
        key = await self.key_of(header[len(_BEARER) :].strip().decode("latin-1"))
        if key is None:
            raise Refused(ProblemCode.WRONG_KEY, headers=[_CHALLENGE])
        return key


def _of_method(route: _Route, method: str) -> tuple[Operation, Endpoint]:
    found = route.by_method.get("GET" if method == "HEAD" else method)
    if found is None:
        raise Refused(ProblemCode.METHOD_NOT_ALLOWED, headers=[(b"allow", route.allow)])
    return found


def _require(scope: KeyScope, key: ApiKey) -> None:
    if scope not in key.scopes:
        raise Refused(ProblemCode.MISSING_SCOPE)


def _place(error: Exception) -> str:
    """Module and line at which an exception was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else "?"

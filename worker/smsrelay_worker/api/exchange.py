"""Request and Answer: one HTTP exchange, in plain ASGI; and ``Refused``, which ends one with a problem."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic_core import from_json
from starlette.types import Receive, Scope, Send

from smsrelay.contract.rejection import Rejection
from smsrelay_worker.api.models import FieldProblem, Problem
from smsrelay_worker.api.problem_code import ProblemCode
from smsrelay_worker.store.api.api_key import ApiKey, KeyType

Headers = Sequence[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")
_ALWAYS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_RETRY_SOON = 2  # seconds
_ONCE = {b"authorization", b"content-type", b"content-encoding", b"idempotency-key"}


class Refused(Exception):
    """A request that is answered with a problem. ``retry_after``: seconds after which it may succeed."""

    def __init__(
        self, code: ProblemCode, errors: Sequence[FieldProblem] = (), headers: Headers = (), retry_after: int | None = None
    ) -> None:
        self.code = code
        self.errors = tuple(errors)
        self.headers = headers
        self.retry_after = retry_after
        super().__init__(code)

    @property
    def problem(self) -> Problem:
        """The body of that answer."""
        code = self.code
        return Problem(type=f"/docs#{code.value}", title=code.meaning, status=code.status, code=code.value, errors=self.errors)

    @classmethod
    def invalid(cls, rejection: Rejection, code: ProblemCode = ProblemCode.INVALID, retry_after: int | None = None) -> "Refused":
        """For fields that are wrong."""
        errors = [FieldProblem(field=one.field, code=one.code, allowed=one.reason) for one in rejection.problems]
        return cls(code, errors, retry_after=retry_after)

    @classmethod
    def unavailable(cls) -> "Refused":
        """For a store that did not answer."""
        return cls(ProblemCode.UNAVAILABLE, retry_after=_RETRY_SOON)

    def answer(self) -> "Answer":
        """The answer with this problem."""
        # Of a body that is too long, the rest is not read to find the next request.
        close = [(b"connection", b"close")] if self.code is ProblemCode.TOO_LARGE else []
        later = [(b"retry-after", str(self.retry_after).encode())] if self.retry_after is not None else []
        body = self.problem.model_dump_json(exclude_defaults=True).encode()
        return Answer(self.code.status, body, (_PROBLEM, *close, *later, *self.headers))


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers."""

    status: int
    body: bytes = field(repr=False)
    headers: Headers = (JSON,)

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Send it; ``head``: without its body."""
        headers = [*self.headers, *_ALWAYS, (b"content-length", str(len(self.body)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


@dataclass(frozen=True, slots=True)
class Request:
    """One request whose key is known. Its repr shows nothing that a caller sent.

    ``named``: what stands for ``{…}`` in the path.
    """

    key: ApiKey
    headers: Mapping[bytes, bytes] = field(repr=False)
    receive: Receive = field(repr=False)
    query: bytes = field(repr=False)
    named: str = field(default="", repr=False)

    async def json_object(self, limit: int) -> dict[str, object]:
        """The body, which must be a JSON object of at most ``limit`` bytes; raises ``Refused``."""
        content_type = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if content_type != b"application/json":
            raise Refused(ProblemCode.NOT_JSON)
        if self.headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            raise Refused(ProblemCode.COMPRESSED)
        try:
            body = from_json(await self._body(limit), allow_inf_nan=False)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refused(ProblemCode.MALFORMED)
        return body

    async def _body(self, limit: int) -> bytes:
        declared = self.headers.get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > 18 or int(declared) > limit:
            raise Refused(ProblemCode.TOO_LARGE)
        body, more = b"", True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Refused(ProblemCode.CUT_OFF)
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit:
                raise Refused(ProblemCode.TOO_LARGE)
        return body


def require_live(request: Request) -> None:
    """Raises ``Refused`` for a key that must not change what live messages depend on."""
    if request.key.type is not KeyType.LIVE:
        raise Refused(ProblemCode.LIVE_KEY_NEEDED)


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by name. Raises ``Refused`` for one that is repeated with another value, where only one can count."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if len(headers) < len(scope["headers"]):
        for name, value in scope["headers"]:
            if name in _ONCE and headers[name] != value:
                raise Refused.invalid(Rejection.of(name.decode(), "give this header once"))
    return headers


def json_answer(document: object, status: int = 200) -> Answer:
    """An answer with plain JSON values."""
    return Answer(status, json.dumps(document, ensure_ascii=False).encode())

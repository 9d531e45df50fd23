"""The endpoints under ``/control`` (README.md lists them): set scripts, read records, change the latency, post callbacks.

JSON both ways. There is no authentication, so never expose them outside a test network. An invalid request is answered 400 with
the field and the reason.
"""

import base64
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsrelay_simulator.records.records import Records, as_json
from smsrelay_simulator.reports.http_client import HttpClient, NoAnswer
from smsrelay_simulator.reports.sender import ReportSender
from smsrelay_simulator.scripts.problem import problem_json
from smsrelay_simulator.scripts.script import Script
from smsrelay_simulator.scripts.selection import Scripts
from smsrelay_simulator.vendor_api.form import e164
from smsrelay_simulator.vendor_api.gateway import Gateway
from smsrelay_simulator.vendor_api.responder import Responder


class _Latency(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class _Callback(BaseModel):
    """A body to post to a URL: text, or bytes in base64."""

    model_config = ConfigDict(extra="forbid")
    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
    body: str = ""
    body_base64: str | None = None
    content_type: Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")] = "application/json"

    @model_validator(mode="after")
    def _decodable(self) -> "_Callback":
        self.content()
        return self

    def content(self) -> bytes:
        """The bytes to send. Raises ``ValueError`` for invalid base64."""
        if self.body_base64 is None:
            return self.body.encode()
        return base64.b64decode(self.body_base64, validate=True)


class Control:
    """Controls the simulator made of these parts."""

    def __init__(
        self,
        *,
        scripts: Scripts,
        records: Records,
        sender: ReportSender,
        gateway: Gateway,
        responder: Responder,
        http: HttpClient,
    ) -> None:
        self._scripts = scripts
        self._records = records
        self._sender = sender
        self._gateway = gateway
        self._responder = responder
        self._http = http
        self._initial_latency = responder.latency

    def routes(self) -> list[Route]:
        """Routes below /control."""
        return [
            Route("/scripts/{recipient}", self.put_script, methods=["PUT"]),
            Route("/scripts", self.delete_scripts, methods=["DELETE"]),
            Route("/default", self.put_default, methods=["PUT"]),
            Route("/submits", self.get_submits, methods=["GET"]),
            Route("/callbacks", self.get_callbacks, methods=["GET"]),
            Route("/stats", self.get_stats, methods=["GET"]),
            Route("/reset", self.post_reset, methods=["POST"]),
            Route("/latency", self.put_latency, methods=["PUT"]),
            Route("/callback", self.post_callback, methods=["POST"]),
        ]

    async def put_script(self, request: Request) -> Response:
        """Set the script of one recipient."""
        recipient = e164(request.path_params["recipient"], abroad=True)
        if not recipient:
            return JSONResponse({"field": "recipient", "reason": "not a number in E.164"}, 400)
        self._scripts.set_recipient(recipient, Script.model_validate_json(await request.body()))
        return Response(status_code=204)

    async def put_default(self, request: Request) -> Response:
        """Set the script of all recipients without their own."""
        self._scripts.set_default(Script.model_validate_json(await request.body()))
        return Response(status_code=204)

    async def delete_scripts(self, request: Request) -> Response:
        """Drop every script, the default one too."""
        self._scripts.clear()
        return Response(status_code=204)

    async def get_submits(self, request: Request) -> Response:
        """List submits, filtered by ?recipient= and ?since= (epoch seconds)."""
        recipient, since = _selection(request)
        return JSONResponse([as_json(record) for record in self._records.submits(recipient, since)])

    async def get_callbacks(self, request: Request) -> Response:
        """List callbacks, filtered like submits."""
        recipient, since = _selection(request)
        return JSONResponse([as_json(record) for record in self._records.callbacks(recipient, since)])

    async def get_stats(self, request: Request) -> Response:
        """Count submits, callbacks and pulls."""
        return JSONResponse(as_json(self._records.stats(self._sender.pending)))

    async def post_reset(self, request: Request) -> Response:
        """Return to the state after start: no records, scripts, nonces or pending reports, and the initial latency."""
        self._sender.cancel_all()
        self._scripts.clear()
        self._records.clear()
        self._gateway.clear()
        self._responder.latency = self._initial_latency
        return Response(status_code=204)

    async def put_latency(self, request: Request) -> Response:
        """Set the seconds to wait before every answer."""
        self._responder.latency = _Latency.model_validate_json(await request.body()).seconds
        return Response(status_code=204)

    async def post_callback(self, request: Request) -> Response:
        """Post any bytes to any URL. Answers with the status received, 0 when there was none."""
        callback = _Callback.model_validate_json(await request.body())
        try:
            status = await self._http.post(callback.url, callback.content(), callback.content_type)
        except NoAnswer as error:
            return JSONResponse({"status": 0, "reason": str(error)})
        return JSONResponse({"status": status})


async def refuse(_request: Request, error: Exception) -> Response:
    """Answer 400 to an invalid body."""
    if not isinstance(error, ValidationError):
        raise error
    return Response(problem_json(error), 400, media_type="application/json")


class _Since(BaseModel):
    since: float = 0.0


def _selection(request: Request) -> tuple[str | None, float]:
    recipient = request.query_params.get("recipient")
    since = _Since.model_validate({"since": request.query_params.get("since", 0.0)}).since
    return (e164(recipient.strip(), abroad=True) or recipient if recipient is not None else None), since

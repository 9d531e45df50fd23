"""The control endpoints: scripts in, records out. JSON both ways; no authentication, so only ever on a test network.

Enters: what README.md lists. Leaves: records and numbers; a wrong request is answered 400 naming field and
reason.
"""

import base64
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsrelay_simulator.choice import Scripts
from smsrelay_simulator.courier import Courier
from smsrelay_simulator.form import e164
from smsrelay_simulator.gateway import Gateway
from smsrelay_simulator.post import Poster, PostError
from smsrelay_simulator.problem import problem_json
from smsrelay_simulator.record import Records, as_json
from smsrelay_simulator.script import Script
from smsrelay_simulator.vendor import Vendor


class _Latency(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class _Callback(BaseModel):
    """A body to post to a URL, as text or, for bytes that are no text, in base64."""

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
        """The bytes to send; ValueError when the base64 is none."""
        if self.body_base64 is None:
            return self.body.encode()
        return base64.b64decode(self.body_base64, validate=True)


class Control:
    """Scripts and reads the simulator it is given."""

    def __init__(
        self,
        *,
        scripts: Scripts,
        records: Records,
        courier: Courier,
        gateway: Gateway,
        vendor: Vendor,
        poster: Poster,
    ) -> None:
        self._scripts = scripts
        self._records = records
        self._courier = courier
        self._gateway = gateway
        self._vendor = vendor
        self._poster = poster
        self._first_latency = vendor.latency

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
        """A script for one recipient."""
        recipient = e164(request.path_params["recipient"], abroad=True)
        if not recipient:
            return JSONResponse({"field": "recipient", "reason": "not a number in E.164"}, 400)
        self._scripts.set_recipient(recipient, Script.model_validate_json(await request.body()))
        return Response(status_code=204)

    async def put_default(self, request: Request) -> Response:
        """A script for everybody without one."""
        self._scripts.set_default(Script.model_validate_json(await request.body()))
        return Response(status_code=204)

    async def delete_scripts(self, request: Request) -> Response:
        """No scripts any more, and no default."""
        self._scripts.clear()
        return Response(status_code=204)

    async def get_submits(self, request: Request) -> Response:
        """Submits, of ?recipient= or ?since= (epoch seconds)."""
        recipient, since = _selection(request)
        return JSONResponse([as_json(record) for record in self._records.submits(recipient, since)])

    async def get_callbacks(self, request: Request) -> Response:
        """Callbacks, selected like submits."""
        recipient, since = _selection(request)
        return JSONResponse([as_json(record) for record in self._records.callbacks(recipient, since)])

    async def get_stats(self, request: Request) -> Response:
        """Counts."""
        return JSONResponse(as_json(self._records.stats(self._courier.pending)))

    async def post_reset(self, request: Request) -> Response:
        """As if just started: no records, scripts, nonces, latency or reports still due."""
        self._courier.drop()
        self._scripts.clear()
        self._records.clear()
        self._gateway.forget()
        self._vendor.latency = self._first_latency
        return Response(status_code=204)

    async def put_latency(self, request: Request) -> Response:
        """Seconds before every answer."""
        self._vendor.latency = _Latency.model_validate_json(await request.body()).seconds
        return Response(status_code=204)

    async def post_callback(self, request: Request) -> Response:
        """Post any bytes anywhere; answers the status they were answered with, 0 when there was none."""
        callback = _Callback.model_validate_json(await request.body())
        try:
            status = await self._poster.post(callback.url, callback.content(), callback.content_type)
        except PostError as error:
            return JSONResponse({"status": 0, "reason": str(error)})
        return JSONResponse({"status": status})


async def refuse(_request: Request, error: Exception) -> Response:
    """400 for a body that is not what it must be."""
    if not isinstance(error, ValidationError):
        raise error
    return Response(problem_json(error), 400, media_type="application/json")


class _Since(BaseModel):
    since: float = 0.0


def _selection(request: Request) -> tuple[str | None, float]:
    recipient = request.query_params.get("recipient")
    since = _Since.model_validate({"since": request.query_params.get("since", 0.0)}).since
    return (e164(recipient.strip(), abroad=True) or recipient if recipient is not None else None), since

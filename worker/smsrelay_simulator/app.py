"""The composition root: builds the simulator's ASGI application from its options.

It has to be served by ``server.py``, which puts the connection's transport into the scope's state.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from smsrelay_simulator.control.endpoints import Control, refuse
from smsrelay_simulator.options import Options
from smsrelay_simulator.records.records import Records
from smsrelay_simulator.reports.http_client import HttpClient
from smsrelay_simulator.reports.sender import ReportSender
from smsrelay_simulator.scripts.selection import Scripts
from smsrelay_simulator.vendor_api.exchange import Exchange
from smsrelay_simulator.vendor_api.form import GROUP, SENDMSG, SENDMSGALL
from smsrelay_simulator.vendor_api.gateway import Gateway
from smsrelay_simulator.vendor_api.pull import MANY, ONE, PullApi
from smsrelay_simulator.vendor_api.responder import Responder
from smsrelay_simulator.vendor_api.submit import SubmitApi

_Serve = Callable[[str, Exchange], Awaitable[None]]


class Operation:
    """An ASGI endpoint for one of the vendor's operations."""

    def __init__(self, name: str, serve: _Serve) -> None:
        self._name = name
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._serve(self._name, Exchange(scope, receive, send))


def application(options: Options) -> Starlette:
    """A simulator without records and without scripts."""
    records, scripts, gateway, http = Records(), Scripts(), Gateway(options), HttpClient()
    sender = ReportSender(options, records, http)
    responder = Responder(options.latency, options.success_message)
    submits = SubmitApi(responder=responder, gateway=gateway, scripts=scripts, records=records, sender=sender)
    pulls = PullApi(responder, gateway, records)
    control = Control(scripts=scripts, records=records, sender=sender, gateway=gateway, responder=responder, http=http)
    served: dict[str, _Serve] = {
        SENDMSG: submits.submit,
        SENDMSGALL: submits.submit,
        GROUP: submits.submit,
        ONE: pulls.status,
        MANY: pulls.status,
    }
    routes: list[BaseRoute] = [_route(name, serve) for name, serve in served.items()]
    routes.append(Mount("/control", routes=control.routes()))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        sender.cancel_all()
        http.close()

    return Starlette(routes=routes, exception_handlers={ValidationError: refuse}, lifespan=lifespan)


def _route(name: str, serve: _Serve) -> Route:
    return Route(f"/comms/sms/{name}", Operation(name, serve), methods=["POST"])

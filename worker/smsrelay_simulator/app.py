"""The simulator put together: the only place where its parts are wired.

Enters: options. Leaves: an ASGI application. It must be served by server.py, which puts the transport in the
scope's state.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from smsrelay_simulator.choice import Scripts
from smsrelay_simulator.control import Control, refuse
from smsrelay_simulator.courier import Courier
from smsrelay_simulator.exchange import Exchange
from smsrelay_simulator.form import GROUP, SENDMSG, SENDMSGALL
from smsrelay_simulator.gateway import Gateway
from smsrelay_simulator.options import Options
from smsrelay_simulator.post import Poster
from smsrelay_simulator.pull import MANY, ONE, Pull
from smsrelay_simulator.record import Records
from smsrelay_simulator.vendor import Vendor

_Serve = Callable[[str, Exchange], Awaitable[None]]


class Operation:
    """An ASGI endpoint for one of the vendor's operations."""

    def __init__(self, name: str, serve: _Serve) -> None:
        self._name = name
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self._serve(self._name, Exchange(scope, receive, send))


def application(options: Options) -> Starlette:
    """A simulator with nothing recorded and nothing scripted."""
    records, scripts, gateway, poster = Records(), Scripts(), Gateway(options), Poster()
    courier = Courier(options, records, poster)
    vendor = Vendor(gateway, scripts, records, courier, latency=options.latency, success_message=options.success_message)
    pull = Pull(vendor, gateway, records)
    control = Control(scripts=scripts, records=records, courier=courier, gateway=gateway, vendor=vendor, poster=poster)
    served: dict[str, _Serve] = {
        SENDMSG: vendor.submit,
        SENDMSGALL: vendor.submit,
        GROUP: vendor.submit,
        ONE: pull.status,
        MANY: pull.status,
    }
    routes: list[BaseRoute] = [_route(name, serve) for name, serve in served.items()]
    routes.append(Mount("/control", routes=control.routes()))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        courier.drop()
        poster.close()

    return Starlette(routes=routes, exception_handlers={ValidationError: refuse}, lifespan=lifespan)


def _route(name: str, serve: _Serve) -> Route:
    return Route(f"/comms/sms/{name}", Operation(name, serve), methods=["POST"])

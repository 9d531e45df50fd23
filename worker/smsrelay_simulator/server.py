"""Serves the simulator with uvicorn.

Prints one line on standard output, ``simulator on http://host:port``, once it accepts connections. A port in use ends the process
with uvicorn's message; SIGTERM and SIGINT end it within a second.
"""

import asyncio
import contextlib
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from smsrelay_simulator.app import application
from smsrelay_simulator.options import Options


class TransportInState(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen at import: httptools or h11
    """Gives the application the connection's transport, so that it can reset the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Put the transport into the state that uvicorn copies into each request's scope."""
        self.app_state: dict[str, Any] = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class AnnouncingServer(uvicorn.Server):
    """Prints its address once it accepts connections."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            print(f"simulator on http://{host}:{port}", flush=True)


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        application(options),
        host=options.host,
        port=options.port,
        http=TransportInState,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=4096,
        timeout_keep_alive=60,  # seconds; long, so that a client's pool does not reuse connections that we have closed
        timeout_graceful_shutdown=1,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again, once it has stopped
        AnnouncingServer(config).run()

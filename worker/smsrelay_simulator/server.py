"""Serves the simulator with uvicorn and says when it is ready.

Enters: options. Leaves: one line on standard output, ``simulator on http://host:port``, once connections are
accepted. A port that is taken ends the process with uvicorn's message. SIGTERM and SIGINT end it within a
second.
"""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from smsrelay_simulator.app import application
from smsrelay_simulator.options import Options


class TransportInState(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen at import: httptools or h11
    """Hands the connection's transport to the application, so that it can be reset."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Put the transport where uvicorn copies each request's state from."""
        self.app_state: dict[str, Any] = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class AnnouncingServer(uvicorn.Server):
    """Prints the address once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            print(f"simulator on http://{host}:{port}", flush=True)


def serve(options: Options) -> None:
    """Serve until a signal ends it."""
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
        timeout_keep_alive=60,  # seconds; a client's pool must not lose connections it believes open
        timeout_graceful_shutdown=1,
    )
    AnnouncingServer(config).run()

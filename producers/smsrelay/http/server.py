"""Serves an ASGI app with uvicorn until SIGTERM or Ctrl-C, within limits for each connection. Open requests are answered."""

import asyncio
import gc
import time
from functools import partial
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from smsrelay.http.connection_limits import ConnectionLimits
from smsrelay.http.open_connections import OpenConnections
from smsrelay.http.open_files import raise_open_files_limit
from smsrelay.http.protocol import LimitedHttpProtocol

CHUNKED_OVERHEAD = 64 * 1024  # bytes that chunked encoding may add to a body
_SHUTDOWN_TIMEOUT = 10  # seconds for open requests to be answered


def serve(app: ASGIApp, host: str, port: int, limits: ConnectionLimits, keep_alive: int) -> None:
    """Serve until stopped; ``keep_alive``: seconds for which an idle connection is left open."""
    raise_open_files_limit(limits.connections)
    gc.collect()
    gc.freeze()  # what the imports allocated is never garbage, and scanning it would stall every open request
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=cast(type[asyncio.Protocol], partial(LimitedHttpProtocol, OpenConnections(limits, time.monotonic))),  # only called
        ws="none",
        workers=1,  # otherwise WEB_CONCURRENCY decides, which a host may set for other programs
        access_log=False,  # its lines would contain the paths, and in them tokens or references
        log_config=None,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # the caller's address is not used
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
    )

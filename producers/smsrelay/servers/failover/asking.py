"""Asks one sentinel, or one node of a cluster, on a connection of its own, which is closed again.

Several questions share a round trip. Raises what redis-py raises; an error reply takes its place among the answers. No
answer is waited for longer than half a second: a machine that is gone would take the whole time limit.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis import Connection, SSLConnection
from redis.asyncio import Connection as AsyncConnection
from redis.asyncio import SSLConnection as AsyncSSLConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from smsrelay.servers.failover.cluster import Cluster
from smsrelay.servers.failover.place import Place
from smsrelay.servers.failover.sentinels import Sentinels
from smsrelay.servers.time_limit import time_left

_PATIENCE = 0.5  # seconds


def ask(whom: Sentinels | Cluster, server: Place, *questions: Sequence[str]) -> list[Any]:
    """The answers of one of them, as text."""
    waits = min(_PATIENCE, time_left(_PATIENCE) or _PATIENCE)
    options = _options(whom, server) | {"socket_timeout": waits, "socket_connect_timeout": waits, "retry": Retry(NoBackoff(), 0)}
    connection: Any = (Connection if whom.tls is None else SSLConnection)(**options)
    try:
        connection.connect()
        connection.send_packed_command(connection.pack_commands(questions), check_health=False)
        return [_answer(connection) for _ in questions]
    finally:
        connection.disconnect()


async def ask_async(whom: Sentinels | Cluster, server: Place, *questions: Sequence[str]) -> list[Any]:
    """The same from an event loop."""
    options = _options(whom, server) | {"socket_timeout": None, "retry": AsyncRetry(NoBackoff(), 0)}
    connection: Any = (AsyncConnection if whom.tls is None else AsyncSSLConnection)(**options)
    try:
        async with asyncio.timeout(_PATIENCE):
            await connection.connect()
            await connection.send_packed_command(connection.pack_commands(questions), check_health=False)
            return [await _answer_async(connection) for _ in questions]
    finally:
        await connection.disconnect(nowait=True)


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:  # the connection is as good as before
        return error


async def _answer_async(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _options(whom: Sentinels | Cluster, server: Place) -> dict[str, Any]:
    login = {"username": whom.user, "password": whom.password}
    tls = {} if whom.tls is None else whom.tls.for_redis()
    return {"host": server.host, "port": server.port, "protocol": 2, "decode_responses": True, **login, **tls}

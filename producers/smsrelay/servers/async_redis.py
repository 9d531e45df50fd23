"""AsyncRedis: commands to one Redis from an event loop, many in one round trip, over connections that are kept.

redis-py's own pipeline builds a client object and a command object for each use, which costs more than the commands.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from smsrelay.servers.async_connection import async_connection_options
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.redis_errors import needs_new_connection
from smsrelay.servers.silence_watch import SilenceWatch

Command = tuple[Any, ...]
_GOODBYE = 1.0  # seconds that closing may take


class AsyncRedis:
    """For one event loop. Whoever waits sets a time limit; a wait that is cancelled costs the connection."""

    def __init__(self, address: RedisAddress, first: Sequence[Command] = (), connect_timeout: float | None = None) -> None:
        """``first``: commands to send on each new connection, before any other. ``connect_timeout``: seconds for a new one."""
        options: dict[str, Any] = {"socket_timeout": None, "retry": Retry(NoBackoff(), 0), "protocol": 2}
        if not address.socket:  # refused for a socket
            options |= {"socket_connect_timeout": connect_timeout, "socket_keepalive": True}
        options |= async_connection_options(address, connect_timeout)
        self._asks = address.primary is not None
        options = {**parse_url(address.redis_url), **options}  # from_url would put its own class first
        self._pool: Any = ConnectionPool(decode_responses=True, **options)
        self._first = first
        self._idle: list[Any] = []  # connections

    async def execute(self, commands: Sequence[Command]) -> list[Any]:
        """The answer of each command; raises the first error that the server answered, or why the connection failed."""
        connection, before = await self._connection()
        answers: list[Any] = []
        watch = SilenceWatch(connection) if self._asks else None
        try:
            await _send(connection, commands if not before else [*self._first, *commands])
            for _ in range(before + len(commands)):
                answers.append(await _answer(connection))
        except BaseException:
            await connection.disconnect(nowait=True)  # with its unread answers
            raise
        finally:
            if watch is not None:
                watch.cancel()
        errors = [answer for answer in answers if isinstance(answer, ResponseError)]
        if any(map(needs_new_connection, errors)):
            await connection.disconnect(nowait=True)
        else:
            self._idle.append(connection)
        if errors:
            raise errors[0]
        return answers[before:]

    async def _connection(self) -> tuple[Any, int]:
        """A connection, and how many of the first commands are to go before any other."""
        while self._idle:
            connection = self._idle.pop()
            if not (self._asks and await connection.is_stale()):
                return connection, 0
            await connection.disconnect(nowait=True)
        return self._pool.make_connection(), len(self._first)

    async def drop_idle(self) -> None:
        """Give up every idle connection, without waiting, and mistrust its server."""
        while self._idle:
            connection = self._idle.pop()
            if self._asks:
                connection.mistrust()
            await connection.disconnect(nowait=True)

    async def close(self) -> None:
        """Close every idle connection. A loop that ends before TLS has said goodbye would leave its sockets behind."""
        idle, self._idle = self._idle, []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                await asyncio.gather(*(connection.disconnect() for connection in idle))


async def _send(connection: Any, commands: Sequence[Command]) -> None:
    packed = connection.pack_commands(commands)
    try:
        await connection.send_packed_command(packed, check_health=False)
    except RuntimeError as gone:  # what uvloop raises for a connection that was reset while idle
        raise ConnectionResetError("reset while idle") from gone


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:  # the connection is as good as before, and the other answers follow
        return error

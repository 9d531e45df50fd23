"""RedisPipeline: reports into the inbox and onto the queue in one round trip, where broker and store are one Redis.

Enters: status events, in an event loop. Leaves: nothing; when ``publish`` returns, the inbox and then the queue have them.
When anything fails, both are done again the long way: by ``otherwise``, which opens what was closed, gives a store its script, or
raises ``BrokerUnavailable``. What was done twice is applied once.

No thread stands behind it: in one, each answer would wait for the interpreter while the loop computes, 5 ms each time.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from smsrelay.broker.redis_envelope import envelope
from smsrelay.broker.task_message import TaskMessage
from smsrelay.contract.event import StatusEvent
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.store.inbox import Inbox

_CONNECT_WITHIN = 1.0  # seconds; then the long way has another second of the caller's patience

Publish = Callable[[Sequence[StatusEvent]], Awaitable[None]]


class RedisPipeline:
    """For one event loop. ``url`` names the Redis that is broker and store."""

    def __init__(self, url: str, inbox: Inbox, otherwise: Publish) -> None:
        options = {"socket_connect_timeout": _CONNECT_WITHIN, "retry": Retry(NoBackoff(), 0)}
        self._pool: Any = ConnectionPool.from_url(RedisAddress.of(url).redis_url, **options)
        self._inbox = inbox
        self._otherwise = otherwise
        self._idle: list[Any] = []  # connections

    async def publish(self, events: Sequence[StatusEvent]) -> None:
        """Into the inbox first: the queue alone may lose a report that was answered with 200."""
        record, tasks = self._inbox.record_commands(events)
        try:
            await self._talk([*record, *_pushes(tasks)])
        except (RedisError, OSError):
            await self._otherwise(events)

    async def close(self) -> None:
        """Close what is open."""
        while self._idle:
            await self._idle.pop().disconnect()

    async def _talk(self, commands: Sequence[tuple[Any, ...]]) -> None:
        if self._idle:
            connection = self._idle.pop()
        else:  # a server may be new too, and then the queue would have reports twice: from here, and by the long way
            connection, commands = self._pool.make_connection(), [("SCRIPT", "LOAD", self._inbox.script), *commands]
        try:
            await self._send(connection, commands)
            for _ in commands:
                await connection.read_response()
        except BaseException:
            await connection.disconnect(nowait=True)  # with all that was still to come on it
            raise
        self._idle.append(connection)

    async def _send(self, connection: Any, commands: Sequence[tuple[Any, ...]]) -> None:
        packed = connection.pack_commands(commands)
        try:
            await connection.send_packed_command(packed)
        except RuntimeError as gone:  # uvloop's word for a connection that was reset while it lay idle
            raise ConnectionResetError("reset while it lay idle") from gone


def _pushes(tasks: Sequence[TaskMessage]) -> list[tuple[str, ...]]:
    """Commands that put tasks on their queues."""
    return [("LPUSH", queue, *map(envelope, some)) for queue, some in groupby(tasks, lambda task: task.queue)]

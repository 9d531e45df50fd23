"""RedisPipeline: records and publishes reports in one round trip, where broker and store are one Redis.

If anything fails, both are repeated by ``fallback``, which opens a new connection, loads the script, or raises
``BrokerUnavailable``. A report that is published twice is applied once.

It uses no thread: in one, each answer would wait for the GIL while the event loop computes, 5 ms each time.
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

_CONNECT_TIMEOUT = 1.0  # seconds; the fallback then has the second that is left of the batcher's timeout

Publish = Callable[[Sequence[StatusEvent]], Awaitable[None]]


class RedisPipeline:
    """For one event loop. ``url`` is that of the Redis that is both broker and store."""

    def __init__(self, url: str, inbox: Inbox, fallback: Publish) -> None:
        options = {"socket_connect_timeout": _CONNECT_TIMEOUT, "retry": Retry(NoBackoff(), 0)}
        self._pool: Any = ConnectionPool.from_url(RedisAddress.of(url).redis_url, **options)
        self._inbox = inbox
        self._fallback = fallback
        self._idle: list[Any] = []  # connections

    async def publish(self, events: Sequence[StatusEvent]) -> None:
        """Record, then publish: the queue alone may lose a report that was answered with 200."""
        record, tasks = self._inbox.record_commands(events)
        try:
            await self._execute([*record, *_pushes(tasks)])
        except (RedisError, OSError):
            await self._fallback(events)

    async def close(self) -> None:
        """Close every idle connection."""
        while self._idle:
            await self._idle.pop().disconnect()

    async def _execute(self, commands: Sequence[tuple[Any, ...]]) -> None:
        if self._idle:
            connection = self._idle.pop()
        else:  # load the script too: on a new server only EVALSHA would fail, not LPUSH, and the fallback would push again
            connection, commands = self._pool.make_connection(), [("SCRIPT", "LOAD", self._inbox.script), *commands]
        try:
            await self._send(connection, commands)
            for _ in commands:
                await connection.read_response()
        except BaseException:
            await connection.disconnect(nowait=True)  # with its unread answers
            raise
        self._idle.append(connection)

    async def _send(self, connection: Any, commands: Sequence[tuple[Any, ...]]) -> None:
        packed = connection.pack_commands(commands)
        try:
            await connection.send_packed_command(packed)
        except RuntimeError as gone:  # what uvloop raises for a connection that was reset while idle
            raise ConnectionResetError("reset while idle") from gone


def _pushes(tasks: Sequence[TaskMessage]) -> list[tuple[str, ...]]:
    """Commands that push tasks onto their queues."""
    return [("LPUSH", queue, *map(envelope, some)) for queue, some in groupby(tasks, lambda task: task.queue)]

"""RedisPipeline: records and publishes reports in one round trip, where broker and store are one Redis.

If anything fails, both are repeated by ``fallback``, which opens a new connection, loads the script, or raises
``BrokerUnavailable``. A report that is published twice is applied once.

It uses no thread: in one, each answer would wait for the GIL while the event loop computes, 5 ms each time.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby

from redis.exceptions import RedisError

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.broker.redis_envelope import envelope
from smsrelay.broker.task_message import TaskMessage
from smsrelay.contract.event import StatusEvent
from smsrelay.servers.async_redis import AsyncRedis
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.store.barrier import NO_BARRIER, Barrier
from smsrelay.store.inbox import Inbox

_BARRIER_TIME = 2.0  # seconds; the batcher's timeout
_CONNECT_TIMEOUT = 1.0  # seconds; the fallback then has the second that is left of the batcher's timeout

Publish = Callable[[Sequence[StatusEvent]], Awaitable[None]]


class RedisPipeline:
    """For one event loop. ``url`` is that of the Redis that is both broker and store."""

    def __init__(self, url: str, inbox: Inbox, fallback: Publish, barrier: Barrier = NO_BARRIER) -> None:
        # The script with each connection: on a new server only EVALSHA would fail, not LPUSH, and the fallback would push again.
        self._redis = AsyncRedis(RedisAddress.of(url), [("SCRIPT", "LOAD", inbox.script)], connect_timeout=_CONNECT_TIMEOUT)
        self._inbox = inbox
        self._fallback = fallback
        self._barrier = barrier

    async def publish(self, events: Sequence[StatusEvent]) -> None:
        """Record, then publish: the queue alone may lose a report that was answered with 200.

        Raises ``BrokerUnavailable`` if too few replicas have the reports.
        """
        record, tasks = self._inbox.record_commands(events)
        after = self._barrier.commands(_BARRIER_TIME)
        try:
            answers = await self._redis.execute([*record, *_pushes(tasks), *after])
        except (RedisError, OSError):
            await self._fallback(events)
            return
        if shortfall := self._barrier.shortfall(answers[len(answers) - len(after) :]):
            await self._redis.drop_idle()  # their server may not be the primary any more
            raise BrokerUnavailable(shortfall)

    async def close(self) -> None:
        """Close every idle connection."""
        await self._redis.close()


def _pushes(tasks: Sequence[TaskMessage]) -> list[tuple[str, ...]]:
    """Commands that push tasks onto their queues."""
    return [("LPUSH", queue, *map(envelope, some)) for queue, some in groupby(tasks, lambda task: task.queue)]

"""AsyncStore: the store, from an event loop, which it never blocks. Raises ``StoreUnavailable`` as the blocking client does."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.exceptions import BusyLoadingError, NoScriptError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from smsrelay.servers.async_redis import AsyncRedis, Command
from smsrelay.servers.redis_errors import needs_new_connection
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.barrier import NO_BARRIER, Barrier
from smsrelay.store.connection import StoreUnavailable, store_answers

_PAUSES = (0.02, 0.2)  # seconds before each try after the first


class AsyncStore:
    """For one event loop. Waits for a free connection instead of raising."""

    def __init__(self, store: StoreAddress, scripts: Sequence[str], connections: int = 32, barrier: Barrier = NO_BARRIER) -> None:
        """``scripts``: the Lua sources of all that will be run; they are loaded on each new connection."""
        self._redis = AsyncRedis(store.redis, [("SCRIPT", "LOAD", source) for source in scripts])
        self._free = asyncio.Semaphore(connections)
        self._barrier = barrier

    async def execute(self, commands: Sequence[Command], until: float) -> list[Any]:
        """The answers of commands that may be repeated, in one round trip; waits until an instant on the loop's clock.

        Raises ``StoreUnavailable``: each command was then carried out whole or not at all.
        """
        with store_answers():
            async with asyncio.timeout_at(until), self._free:
                for pause in _PAUSES:
                    try:
                        return await self._redis.execute(commands)
                    except (RedisError, OSError) as error:
                        if not _may_be_mended(error):
                            raise
                    await self._redis.drop_idle()  # they lead to the same server, or to one that is gone
                    await asyncio.sleep(pause)
                return await self._redis.execute(commands)

    async def execute_durably(self, commands: Sequence[Command], until: float) -> list[Any]:
        """The same; also raises if too few replicas have what the commands wrote, or found written (``store.barrier``)."""
        after = self._barrier.commands(until - asyncio.get_running_loop().time())
        answers = await self.execute([*commands, *after], until)
        if shortfall := self._barrier.shortfall(answers[len(commands) :]):
            await self._redis.drop_idle()  # their server may not be the primary any more
            raise StoreUnavailable(shortfall)
        return answers[: len(commands)]

    async def close(self) -> None:
        """Close every idle connection."""
        await self._redis.close()


def _may_be_mended(error: RedisError | OSError) -> bool:
    """Whether a new connection may help: the old one is lost, or its server lacks the script or is not the primary any more."""
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return False
    return isinstance(error, OSError | RedisConnectionError | BusyLoadingError | NoScriptError) or needs_new_connection(error)

"""The three ways in which our processes use the store, each as one write: by a pool, from an event loop, pipelined with a task.

Takes the store's URL; each write adds one to a counter, or one task to a queue, and returns how many there are then.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.event import StatusEvent
from smsrelay.receiver.redis_pipeline import RedisPipeline
from smsrelay.servers.store_address import StoreAddress
from smsrelay.servers.time_limit import time_limit
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.connection import open_store, store_answers
from smsrelay.store.inbox import Inbox

COUNTER = "{sms}:counter"
LIMIT = 10.0  # seconds that one write may take

Write = Callable[[], int]


@contextmanager
def store_clients(url: str, *, pipelined: bool = True) -> Iterator[dict[str, Write]]:
    """All of them, opened and not used yet. ``pipelined``: the store is the broker as well."""
    store = StoreAddress(url)
    with ExitStack() as stack:
        redis = stack.enter_context(closing(open_store(store)))
        runner = stack.enter_context(asyncio.Runner())
        from_loop = AsyncStore(store, ())
        stack.callback(lambda: runner.run(from_loop.close()))
        pipeline = RedisPipeline(url, Inbox(redis), _refuse)
        stack.callback(lambda: runner.run(pipeline.close()))

        def by_pool() -> int:
            with store_answers(), time_limit(LIMIT):
                return int(redis.incr(COUNTER))

        async def one() -> int:
            [answer] = await from_loop.execute([("INCR", COUNTER)], asyncio.get_running_loop().time() + LIMIT)
            return int(answer)

        async def report() -> int:
            async with asyncio.timeout(LIMIT):
                await pipeline.publish([StatusEvent(message_id="m1", attempt=1, code="200", received_at=1, extra={})])
            return 1

        writes: dict[str, Write] = {"pool": by_pool, "loop": lambda: runner.run(one())}
        yield writes | ({"pipeline": lambda: runner.run(report())} if pipelined else {})


async def _refuse(_: Sequence[StatusEvent]) -> None:
    raise BrokerUnavailable("the long way is closed")

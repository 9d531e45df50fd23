"""AsyncPublisher: publishes tasks from an event loop. The clients of the brokers block, so they run in threads."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import TaskMessage
from smsrelay.servers.time_limit import time_limit

_THREADS = 4  # some may wait for a silent broker; one must be free once it is back


class AsyncPublisher:
    """For one event loop. Cancelling a call does not stop what has begun."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._threads = ThreadPoolExecutor(_THREADS, "smsrelay-publish")

    async def publish_many(self, tasks: Sequence[TaskMessage], until: float) -> None:
        """Publish tasks by an instant on the loop's clock; raises ``BrokerUnavailable``."""
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + until - loop.time()
        try:
            async with asyncio.timeout_at(until):
                await loop.run_in_executor(self._threads, self._publish, tasks, deadline)
        except TimeoutError:
            raise BrokerUnavailable("the broker did not answer (TimeoutError)") from None

    async def close(self) -> None:
        """Release every connection; what is being published ends by its own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._publisher.close)

    def _publish(self, tasks: Sequence[TaskMessage], deadline: float) -> None:
        with time_limit(max(0.0, deadline - time.monotonic())):
            self._publisher.publish_many(tasks)

"""ReplicatedPublisher: publishes tasks to a broker on the servers of the store; they count once enough replicas have them.

An outcome leaves its outbox when it is published. If a failover forgot the task and not that, nothing would tell it again. The
relay's own tasks need no such wait: what a queue loses of them is found by its place.

kombu cannot wait for replicas on the connection that it publishes on, so the tasks are pushed as it would push them.
"""

from collections.abc import Iterable
from dataclasses import replace

from redis.exceptions import RedisError

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.broker.redis_envelope import envelope
from smsrelay.broker.task_message import TaskMessage
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreUnavailable, open_store, run_durably


class ReplicatedPublisher:
    """Publishes to the default exchange; safe to share between threads. Keeps within the time limit in force."""

    def __init__(self, broker: StoreAddress, connections: int) -> None:
        """``broker``: where its database is, and how many replicas must have a task."""
        self._redis = open_store(broker, connections)
        self._redis.barrier = replace(self._redis.barrier, key=None)  # a push always writes

    def publish_many(self, messages: Iterable[TaskMessage]) -> None:
        """Publish several tasks in one round trip; raises ``BrokerUnavailable``, also if too few replicas have them."""
        pushes = [("LPUSH", task.queue, envelope(task)) for task in messages]
        if not pushes:
            return
        try:
            run_durably(self._redis, *pushes)
        except StoreUnavailable as error:
            raise BrokerUnavailable(str(error)) from None
        except RedisError:
            raise BrokerUnavailable("Redis refuses what is published") from None

    def close(self) -> None:
        """Release every connection."""
        self._redis.close()

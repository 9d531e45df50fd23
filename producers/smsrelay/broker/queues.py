"""The broker's queues, and kombu's transport options: both differ between Redis and RabbitMQ.

Every process on one broker must use the same.
"""

from typing import Any

from kombu import Exchange, Queue

from smsrelay.contract.lanes import OUTCOME_QUEUE, STATUS_QUEUE, Lane
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.servers.redis_address import RedisAddress

QUEUES = (*(lane.queue for lane in Lane), STATUS_QUEUE, OUTCOME_QUEUE)
_DEFAULT_EXCHANGE = Exchange("")  # on Redis, a named exchange costs 40 % of the publish speed

# By default RabbitMQ 4 drops a task after 20 redeliveries; every report in a worker gets there when the store is down for half a
# minute. The value for "unlimited", -1, makes 3.10 drop it at the first; this one lasts 68 years at one redelivery a second.
_QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": 2**31 - 1}


def broker_queue(name: str, broker_url: str) -> Queue:
    """The queue as publishers and workers declare it: on RabbitMQ a quorum queue, which confirms only what is on disk."""
    arguments = _QUORUM if is_rabbitmq(broker_url) else None
    return Queue(name, _DEFAULT_EXCHANGE, routing_key=name, durable=True, queue_arguments=arguments)


def transport_options(broker_url: str, connections: int) -> dict[str, Any]:
    """Transport options for every process on one broker, Flower included.

    On Redis the shortest visibility timeout among all consumers wins, so it is set in this one place. ``primary`` is for
    ``redis_transport``: who is asked where the primary is.
    """
    if is_rabbitmq(broker_url):
        # For a connection opened on demand: without these, kombu retries until the connect timeout is over.
        return {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    primary = RedisAddress.of(broker_url).primary
    return {
        **({} if primary is None else {"primary": primary}),
        "visibility_timeout": 120,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 20,  # restore lock: an owner that dies, or cannot release it, blocks all others
        "max_connections": connections + 100,  # with fewer, acks fail under load
        # A Redis that falls silent is left after about seven seconds; with kombu's 25 s between checks, after forty.
        "health_check_interval": 3,
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
    }

"""What differs between the brokers, Redis and RabbitMQ: how a queue is declared and how a connection is set up.

Enters: the broker's URL. Leaves: queues and transport options, the same for every process on that broker.
"""

from typing import Any

from kombu import Exchange, Queue

from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.servers.broker_address import is_rabbitmq

QUEUES = (*(lane.queue for lane in Lane), STATUS_QUEUE)
_DEFAULT_EXCHANGE = Exchange("")  # a named one costs four tenths of the publish speed on Redis

# Without a limit RabbitMQ 4 drops a task that came back 20 times, which a store that is away for half a minute would do to every
# report at hand. The word for "none", -1, drops at the first return on 3.10; this one is 68 years of a return a second.
_QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": 2**31 - 1}


def broker_queue(name: str, broker_url: str) -> Queue:
    """The queue as both ends declare it: on RabbitMQ a quorum queue, which is on disk before it confirms."""
    arguments = _QUORUM if is_rabbitmq(broker_url) else None
    return Queue(name, _DEFAULT_EXCHANGE, routing_key=name, durable=True, queue_arguments=arguments)


def transport_options(broker_url: str, connections: int) -> dict[str, Any]:
    """Transport options that every process on one broker shares, Flower included.

    The shortest visibility timeout among all consumers wins, so it stands in one place only.
    """
    if is_rabbitmq(broker_url):
        # Of a connection that is opened on the way: without these it is tried until the connect timeout is over.
        return {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    return {
        "visibility_timeout": 120,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 20,  # of who gives them back: killed with it, or refused its release, it keeps all others from it
        "max_connections": connections + 100,  # fewer fail acks under load
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
    }

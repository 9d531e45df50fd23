"""What the Celery app of a worker sets differently for Redis and for RabbitMQ.

Enters: the broker's URL, the worker's threads. Leaves: Celery settings.
"""

from typing import Any

from smsrelay.broker.queues import transport_options
from smsrelay.servers.broker_address import broker_address, is_rabbitmq


def broker_settings(broker_url: str, concurrency: int) -> dict[str, Any]:
    """The Celery settings that depend on the broker."""
    common = {
        "broker_transport_options": transport_options(broker_url, concurrency),
        "broker_use_ssl": broker_address(broker_url).kombu_tls or False,  # verified, unless the URL says otherwise
        "broker_heartbeat": 0,  # the consumer has its own
        # Of RabbitMQ, a channel that it closes because a worker keeps a task for 30 minutes; of Redis, whatever it refuses. Left
        # alone, Celery ends the process, and with it every attempt under way; so it connects again, and what comes back finds
        # nothing to start.
        "broker_channel_error_retry": True,
    }
    if not is_rabbitmq(broker_url):
        return common | {"worker_prefetch_multiplier": 2}
    return common | {
        # Quorum queues know no limit for all consumers of a channel together: this one is for each of the four queues.
        "worker_prefetch_multiplier": 1,
        "worker_detect_quorum_queues": True,
    }

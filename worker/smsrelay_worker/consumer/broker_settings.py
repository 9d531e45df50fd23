"""The Celery settings that differ between Redis and RabbitMQ."""

from typing import Any

from smsrelay.broker.queues import transport_options
from smsrelay.servers.broker_address import broker_address, is_rabbitmq


def broker_settings(broker_url: str, concurrency: int) -> dict[str, Any]:
    """The Celery settings for this broker. ``concurrency``: tasks that a worker process runs at once."""
    common = {
        "broker_transport_options": transport_options(broker_url, concurrency),
        "broker_use_ssl": broker_address(broker_url).kombu_tls or False,  # verified, unless the URL says otherwise
        "broker_heartbeat": 0,  # the consumer sets its own
        # A channel error is, on RabbitMQ, a channel closed because a worker held a task for 30 minutes; on Redis, any refused
        # command. By default Celery would end the process and with it every running attempt. With this it reconnects, and the
        # redelivered tasks find nothing to start.
        "broker_channel_error_retry": True,
    }
    if not is_rabbitmq(broker_url):
        return common | {"worker_prefetch_multiplier": 2}
    return common | {
        # Quorum queues know no prefetch limit shared by all consumers of a channel: this one is for each queue.
        "worker_prefetch_multiplier": 1,
        "worker_detect_quorum_queues": True,
    }

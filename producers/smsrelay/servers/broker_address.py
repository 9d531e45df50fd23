"""The broker's address, of a Redis or a RabbitMQ; both have a ``kombu_url`` and, separately, ``kombu_tls``."""

from smsrelay.servers.rabbitmq_address import RabbitMQAddress
from smsrelay.servers.redis_address import RedisAddress


def is_rabbitmq(broker_url: str) -> bool:
    """Whether the URL names RabbitMQ."""
    return broker_url.startswith(("amqp://", "amqps://"))


def broker_address(broker_url: str) -> RedisAddress | RabbitMQAddress:
    """Parse the broker's URL; raises ``ValueError``."""
    return RabbitMQAddress.of(broker_url) if is_rabbitmq(broker_url) else RedisAddress.of(broker_url)

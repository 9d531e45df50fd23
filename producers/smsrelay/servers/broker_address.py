"""The broker's address, of a Redis or a RabbitMQ; both have a ``kombu_url`` and, separately, ``kombu_tls``."""

from smsrelay.servers.failover.cluster import Cluster
from smsrelay.servers.rabbitmq_address import RabbitMQAddress
from smsrelay.servers.redis_address import RedisAddress


def is_rabbitmq(broker_url: str) -> bool:
    """Whether the URL names RabbitMQ."""
    return broker_url.startswith(("amqp://", "amqps://"))


def broker_address(broker_url: str) -> RedisAddress | RabbitMQAddress:
    """Parse the broker's URL; raises ``ValueError``."""
    if is_rabbitmq(broker_url):
        return RabbitMQAddress.of(broker_url)
    address = RedisAddress.of(broker_url)
    if isinstance(address.primary, Cluster):
        raise ValueError("must not be a cluster, which can be the store alone: kombu's keys do not hash alike")  # noqa: TRY004
    return address

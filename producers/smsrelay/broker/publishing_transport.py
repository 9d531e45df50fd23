"""The Redis transport of kombu for publishing: its connections keep within the time limit in force."""

from smsrelay.broker.redis_transport import OneClientChannel, OneClientTransport
from smsrelay.servers.redis_connection import LimitedConnection, LimitedSSLConnection


class PublishingChannel(OneClientChannel):
    """A channel with such connections."""

    connection_class = LimitedConnection
    connection_class_ssl = LimitedSSLConnection


class PublishingTransport(OneClientTransport):
    """The transport with that channel."""

    Channel = PublishingChannel

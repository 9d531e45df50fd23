"""The Redis transport of kombu, with one client a channel.

Enters: what kombu asks of its channel. Leaves: the same as kombu's own; but kombu makes a client for each publish, each
acknowledgement and each note of a delivery, a quarter of publishing time and more of consuming. Fails as kombu does.
"""

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as RedisConnectionError


class OneClientChannel(redis.Channel):  # type: ignore[misc]
    """kombu's channel; the client takes its connections from the channel's pool, so any thread may use it."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:
            # Kombu's own way ends in an AttributeError, for which Celery ends the process: it takes it for a fault of its own.
            raise RedisConnectionError("the connection is closed")
        if asynchronous:
            return super()._create_client(asynchronous=True)
        if self._kept is None or self._kept.connection_pool is not self.pool:  # kombu drops the pool with the connection
            self._kept = super()._create_client()
        return self._kept


class OneClientTransport(redis.Transport):  # type: ignore[misc]
    """kombu's transport with that channel."""

    Channel = OneClientChannel

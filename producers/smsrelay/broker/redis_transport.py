"""kombu's Redis transport with one client for each channel.

kombu itself creates a client for each publish, each acknowledgement and each delivery it records: a quarter of the time of
publishing, and more of consuming. Otherwise it behaves, and fails, as kombu's own.
"""

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as RedisConnectionError


class OneClientChannel(redis.Channel):  # type: ignore[misc]
    """kombu's channel. The client takes its connections from the channel's pool, so any thread may use it."""

    _client_of_pool: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:
            # kombu would raise an AttributeError, for which Celery ends the process: it takes that for a bug.
            raise RedisConnectionError("the connection is closed")
        if asynchronous:
            return super()._create_client(asynchronous=True)
        client = self._client_of_pool
        if client is None or client.connection_pool is not self.pool:  # kombu drops the pool with the connection
            client = self._client_of_pool = super()._create_client()
        return client


class OneClientTransport(redis.Transport):  # type: ignore[misc]
    """kombu's transport, using ``OneClientChannel``."""

    Channel = OneClientChannel

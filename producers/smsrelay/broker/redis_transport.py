"""kombu's Redis transport with connections of ours, and one client for each channel.

The connections keep within the time limit in force, and behind sentinels each asks them where the primary is (transport option
``primary``); one that waits for messages is left when another server is the primary. kombu's own transport for sentinels takes
them from a URL with alternatives; at each failure it would turn to the next one, and from then on use its own transport class in
place of the one it was given.

kombu itself creates a client for each publish, each acknowledgement and each delivery it records: a quarter of the time of
publishing, and more of consuming. Otherwise this transport behaves, and fails, as kombu's own.
"""

from functools import cached_property, partial
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import ConnectionError as RedisConnectionError

from smsrelay.servers.redis_connection import LimitedConnection, LimitedSSLConnection

_MESSAGE = 1.0  # seconds for the rest of a message that has begun to arrive
_NAME = f"{__name__}:OneClientTransport"


class OneClientChannel(redis.Channel):  # type: ignore[misc]
    """kombu's channel. The client takes its connections from the channel's pool, so any thread may use it."""

    connection_class = LimitedConnection
    connection_class_ssl = LimitedSSLConnection
    from_transport_options = (*redis.Channel.from_transport_options, "primary")
    primary: Any = None
    _client_of_pool: Any = None

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        options: dict[str, Any] = super()._connparams(asynchronous)
        options["health_check_interval"] = self.health_check_interval  # some versions of kombu drop it for a class of ours
        return options if self.primary is None else options | {"primary": self.primary}

    @cached_property
    def subclient(self) -> Any:
        """The subscription to remote control and events; reading it never waits for long.

        By default redis-py connects again, where that is due, and waits for a message on the new connection without end. The
        thread that consumes would wait with it.
        """
        subscription = self._create_client(asynchronous=True).pubsub()
        subscription.parse_response = partial(subscription.parse_response, block=False, timeout=_MESSAGE)
        return subscription

    def leave_outdated(self) -> bool:
        """Close those of the connections that it keeps open which lead to an outdated primary; whether there were any."""
        if self.primary is None:
            return False
        kept = [self.__dict__.get(name) for name in ("client", "subclient")]  # as properties they would be opened
        connections = [client.connection for client in kept if client is not None and client.connection is not None]
        outdated = [connection for connection in connections if connection.is_outdated()]
        for connection in outdated:
            connection.disconnect()
        return bool(outdated)

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

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        """Wait for a message and deliver it."""
        self.leave_outdated()
        super().drain_events(connection, timeout=timeout)

    def leave_outdated(self) -> None:
        """Raise redis-py's ``ConnectionError``, as for a lost connection, if messages are awaited from an outdated primary.

        It may still answer, cut off from its successor, while nobody publishes there any more.
        """
        outdated = [channel.leave_outdated() for channel in self.channels]
        if any(outdated):
            raise RedisConnectionError("another server is the primary now")


def use_for_every_connection() -> None:
    """Have kombu use this transport in this process, where Celery opens connections by URL alone."""
    TRANSPORT_ALIASES.update(redis=_NAME, rediss=_NAME, sentinel=_NAME)

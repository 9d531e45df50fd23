"""Opens the store, and turns every way in which it does not answer into one exception, ``StoreUnavailable``."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from smsrelay.servers.access_denied import explain
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.redis_connection import LimitedConnection, LimitedPool, LimitedSocketConnection, LimitedSSLConnection
from smsrelay.servers.redis_errors import drop_arguments, why_unavailable

_ANSWER = 5.0  # seconds to wait for an answer
_CONNECT = 3.0  # seconds to wait for a connection
_FREE_CONNECTION = 20.0  # seconds to wait for one of the pool


class StoreUnavailable(ConnectionError):
    """The store did not answer; what was asked was done whole or not at all."""


def timed_out() -> StoreUnavailable:
    """For a caller whose time is over before the store has answered."""
    return StoreUnavailable("the store did not answer (TimeoutError)")


def open_store(url: str, connections: int = 32, *, patient: bool = False) -> Redis:
    """A client for ``url``, which connects at its first use. Its pool waits for a free connection instead of raising.

    A write is replayed when its answer was lost, so every script must be idempotent.

    A silent store is given up after 5 s, or when the time limit in force is over (``servers.time_limit``). ``patient`` is for
    workers, who hold answers of the vendor that must be recorded: they ask a silent store again, for up to 45 s.
    """
    replaced = (ReadOnlyError, MasterDownError)  # by a server that a new connection reaches
    lost = (RedisConnectionError, RedisTimeoutError, *replaced) if patient else (RedisConnectionError, *replaced)
    address = RedisAddress.of(url)
    pool = LimitedPool.from_url(
        address.redis_url,
        connection_class=_connection_class(address),
        max_connections=connections,
        timeout=_FREE_CONNECTION,
        decode_responses=True,
        socket_timeout=_ANSWER,
        **({} if address.socket else {"socket_connect_timeout": _CONNECT, "socket_keepalive": True}),  # refused for a socket
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), retries=2, supported_errors=lost),
    )
    return Redis.from_pool(pool)  # so that closing the client closes the pool


def _connection_class(address: RedisAddress) -> type[LimitedConnection | LimitedSSLConnection | LimitedSocketConnection]:
    if address.socket:
        return LimitedSocketConnection
    return LimitedConnection if address.tls is None else LimitedSSLConnection


@contextmanager
def store_answers() -> Iterator[None]:
    """Raises ``StoreUnavailable``, with the reason, when Redis does not serve us inside; programming errors pass unchanged."""
    try:
        yield
    except StoreUnavailable:
        raise
    except (RedisError, OSError) as error:
        reason = why_unavailable(error)
        if reason is None:
            drop_arguments(error)
            raise
        raise StoreUnavailable(f"the store did not answer ({explain(error, reason)})") from None

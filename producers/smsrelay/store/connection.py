"""Opening the store, and what it is called when the store does not answer.

Enters: a Redis URL. Leaves: a client whose pool waits instead of raising, and one exception for every way of not answering.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import BlockingConnectionPool, Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from smsrelay.servers.access_denied import explain
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.redis_errors import drop_arguments, why_unavailable


class StoreUnavailable(ConnectionError):
    """The store did not answer; what was asked was done whole or not at all."""


def open_store(url: str, connections: int = 32, *, patient: bool = False) -> Redis:
    """A client for ``url``. A write may be replayed when its answer was lost, so every script is idempotent.

    A store that is silent is given up after 5 s. ``patient``, for workers, who hold answers of the vendor in their hands: it
    is asked again, for up to 45 s.
    """
    replaced = (ReadOnlyError, MasterDownError)  # by a server that a new connection reaches
    lost = (RedisConnectionError, RedisTimeoutError, *replaced) if patient else (RedisConnectionError, *replaced)
    address = RedisAddress.of(url)
    pool = BlockingConnectionPool.from_url(
        address.redis_url,
        max_connections=connections,
        timeout=20,
        decode_responses=True,
        socket_timeout=5,
        **({} if address.socket else {"socket_connect_timeout": 3, "socket_keepalive": True}),  # of no use, and refused, there
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), retries=2, supported_errors=lost),
    )
    return Redis.from_pool(pool)  # so that closing the client closes the pool


@contextmanager
def store_answers() -> Iterator[None]:
    """Turns every way in which Redis does not serve us into ``StoreUnavailable`` with the reason; programming errors pass."""
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

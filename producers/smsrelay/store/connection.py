"""Opens the store, and turns every way in which it does not answer into one exception, ``StoreUnavailable``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import AskError, ClusterDownError, MasterDownError, ReadOnlyError, RedisError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from smsrelay.servers.access_denied import explain
from smsrelay.servers.redis_connection import LimitedPool, connection_options
from smsrelay.servers.redis_errors import drop_arguments, why_unavailable
from smsrelay.servers.store_address import StoreAddress
from smsrelay.servers.time_limit import time_left
from smsrelay.store.barrier import Barrier
from smsrelay.store.keys import Keys

_ANSWER = 5.0  # seconds to wait for an answer
_CONNECT = 3.0  # seconds to wait for a connection
_FREE_CONNECTION = 20.0  # seconds to wait for one of the pool


class StoreUnavailable(ConnectionError):
    """The store did not answer; what was asked was done whole or not at all."""


def timed_out() -> StoreUnavailable:
    """For a caller whose time is over before the store has answered."""
    return StoreUnavailable("the store did not answer (TimeoutError)")


class StoreRedis(Redis):
    """A client of the store, which knows its keys' names. ``barrier`` follows a write whose loss would break a promise."""

    store_keys: Keys
    barrier: Barrier


def open_store(store: StoreAddress, connections: int = 32, *, patient: bool = False) -> StoreRedis:
    """A client of the store, which connects at its first use. Its pool waits for a free connection instead of raising.

    A write is replayed when its answer was lost, so every script must be idempotent.

    A silent store is given up after 5 s, or when the time limit in force is over (``servers.time_limit``). ``patient`` is for
    workers, who hold answers of the vendor that must be recorded: they ask a silent store again, for up to 45 s.
    """
    replaced = (ReadOnlyError, MasterDownError, AskError, ClusterDownError, TryAgainError)  # a new connection may reach another
    lost = (RedisConnectionError, RedisTimeoutError, *replaced) if patient else (RedisConnectionError, *replaced)
    address = store.redis
    pool = LimitedPool.from_url(
        address.redis_url,
        **connection_options(address),
        max_connections=connections,
        timeout=_FREE_CONNECTION,
        decode_responses=True,
        socket_timeout=max(_ANSWER, store.replica_wait + 2),  # WAIT's answer must come before it
        **({} if address.socket else {"socket_connect_timeout": _CONNECT, "socket_keepalive": True}),  # refused for a socket
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), retries=2, supported_errors=lost),
        retry_on_error=list(lost),  # without it, older versions of redis-py only connect again
    )
    redis = cast("StoreRedis", StoreRedis.from_pool(pool))  # so that closing the client closes the pool
    redis.store_keys = Keys(store.prefix)
    redis.barrier = Barrier(redis.store_keys.barrier, store.replicas, int(1000 * store.replica_wait))
    return redis


def run_durably(redis: StoreRedis, *commands: tuple[Any, ...], transaction: bool = False) -> list[Any]:
    """The answers of commands, in one round trip; as a transaction, they are as the server gave them.

    Raises ``StoreUnavailable``, also if too few replicas have what the commands wrote, or found written (``store.barrier``).
    """
    sent = (("MULTI",), *commands, ("EXEC",)) if transaction else commands
    with store_answers():
        with redis.pipeline(transaction=False) as pipeline:
            for command in (*sent, *redis.barrier.commands(time_left(None))):
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            answers: list[Any] = pipeline.execute()
        if shortfall := redis.barrier.shortfall(answers[len(sent) :]):
            drop_connections(redis)
            raise StoreUnavailable(shortfall)
        of_commands: list[Any] = answers[len(sent) - 1] if transaction else answers[: len(sent)]
        for answer in of_commands:
            if isinstance(answer, RedisError):
                raise answer
    return of_commands


def drop_connections(redis: Redis) -> None:
    """Close the connections that nobody uses: their server may not be the primary any more, and the pool would hand them out."""
    pool: Any = redis.connection_pool
    pool.drop_idle()


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

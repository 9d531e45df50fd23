"""The observer: a Valkey user exempt from every fault, both the proxy's and the errors other users are answered with."""

from pathlib import Path

from redis.backoff import NoBackoff
from redis.retry import Retry

from smsrelay.store.barrier import NO_BARRIER
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.local.embedded_valkey import command
from tests.support.store_keys import KEYS

NAME = "observer"  # and its password
_TIMEOUT = 30.0  # seconds


def valkey_with_observer(port: int, folder: Path) -> list[str]:
    """The command of a Valkey that knows it."""
    return [*command(port, folder), *("--user", NAME, "on", f">{NAME}", "~*", "&*", "+@all")]


def observer_url(port: int) -> str:
    """The URL of Valkey for the observer."""
    return f"redis://{NAME}:{NAME}@127.0.0.1:{port}/0"


def as_observer(port: int, host: str = "127.0.0.1", timeout: float = _TIMEOUT) -> StoreRedis:
    """A client for the observer; it never retries."""
    redis = StoreRedis(
        host=host,
        port=port,
        username=NAME,
        password=NAME,
        decode_responses=True,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
    )
    redis.store_keys, redis.barrier = KEYS, NO_BARRIER
    return redis

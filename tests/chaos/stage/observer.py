"""The observer: a Valkey user exempt from every fault, both the proxy's and the errors other users are answered with."""

from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from smsrelay_worker.local.embedded_valkey import command

_NAME = "observer"  # and its password
_TIMEOUT = 30.0  # seconds


def valkey_with_observer(port: int, folder: Path) -> list[str]:
    """The command of a Valkey that knows it."""
    return [*command(port, folder), *("--user", _NAME, "on", f">{_NAME}", "~*", "&*", "+@all")]


def observer_url(port: int) -> str:
    """The URL of Valkey for the observer."""
    return f"redis://{_NAME}:{_NAME}@127.0.0.1:{port}/0"


def as_observer(port: int) -> Redis:
    """A client for the observer; it never retries."""
    never = Retry(NoBackoff(), 0)
    return Redis(port=port, username=_NAME, password=_NAME, decode_responses=True, socket_timeout=_TIMEOUT, retry=never)

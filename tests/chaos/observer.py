"""The observer: a user of Valkey whom no fault concerns, neither one of the proxy nor an error that others are answered with."""

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


def as_observer(port: int) -> Redis:
    """A client of its own; nothing is asked again."""
    never = Retry(NoBackoff(), 0)
    return Redis(port=port, username=_NAME, password=_NAME, decode_responses=True, socket_timeout=_TIMEOUT, retry=never)

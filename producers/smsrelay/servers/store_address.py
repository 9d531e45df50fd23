"""StoreAddress: where the store is, under which prefix its keys are, and how many machines must have a write before it counts."""

import re
from dataclasses import dataclass, field

from smsrelay.servers.redis_address import RedisAddress

DEFAULT_PREFIX = "{sms}"
_PREFIX = re.compile(r"(?=.{1,40}\Z)[A-Za-z0-9_.-]*\{[A-Za-z0-9_.-]+\}[A-Za-z0-9_.-]*", re.ASCII)


def store_prefix(text: str) -> str:
    """The text, if all keys may begin with it; else ``ValueError``, which says why."""
    if not _PREFIX.fullmatch(text):
        raise ValueError(
            "must have 1 to 40 characters, letters, digits and _ . - with exactly one part in braces, which is not empty: "
            "{sms} or {sms-shop}"
        )
    return text


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """``replicas``: how many replicas must have a write, within ``replica_wait`` seconds, before it counts."""

    url: str = field(repr=False)
    prefix: str = DEFAULT_PREFIX
    replicas: int = 0
    replica_wait: float = 1.0

    @property
    def redis(self) -> RedisAddress:
        """The address for redis-py; raises ``ValueError``."""
        return RedisAddress.of(self.url, self.prefix)

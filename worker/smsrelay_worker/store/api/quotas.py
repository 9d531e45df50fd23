"""Quotas: how many messages an API key may enqueue a minute and a day, counted in the store for all processes of the API.

Minutes and days are those of the clock, in UTC. A count whose answer was lost may be counted twice, never missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from smsrelay.store.connection import StoreRedis
from smsrelay.store.script import Call, Script


class Window(IntEnum):
    """Which quota a request exceeds."""

    MINUTE = 1
    DAY = 2


@dataclass(frozen=True, slots=True)
class OverQuota:
    """A request that was not counted, and the seconds until its window ends."""

    window: Window
    retry_after: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Messages a minute and a day; None: any number."""

    minute: int | None = None
    day: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is something to count."""
        return self.minute is not None or self.day is not None


class Quotas:
    """Makes the commands that count, and reads their answers; sends nothing itself."""

    def __init__(self, redis: StoreRedis) -> None:
        self._keys = redis.store_keys
        self._count = Script(redis, __name__, "quota.lua")

    @property
    def script(self) -> str:
        """Source of the script, for ``SCRIPT LOAD``."""
        return self._count.source

    def command(self, key_id: str, limits: Limits, counts: Sequence[int]) -> tuple[Any, ...]:
        """The command that counts several requests with one key, in their order."""
        args = ["" if limit is None else limit for limit in (limits.minute, limits.day)]
        [command] = self._count.commands([Call([self._keys.quota(key_id)], [*args, *counts])])
        return command

    def read(self, answer: Sequence[int]) -> list[OverQuota | None]:
        """What became of each request: None if it was counted."""
        *results, minute_ends, day_ends = answer
        ends = {Window.MINUTE: int(minute_ends), Window.DAY: int(day_ends)}
        return [OverQuota(Window(result), ends[Window(result)]) if result else None for result in results]

"""CodeCounts: how many codes were accepted, and how many of them the apps say were used, by day and country.

Days are those of UTC, numbered from the Unix epoch. A code counts on the day it was accepted, however late it was used, so that
both counts are of the same codes. ``outbox.lua`` counts what is accepted, ``feedback.lua`` what was used; neither counts test
messages. Raises ``StoreUnavailable``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smsrelay.store.connection import StoreRedis, store_answers

DAYS = 9  # that are counted: today, yesterday, and a week to compare yesterday with
LIFETIME = 9 * 86_400_000  # ms


@dataclass(frozen=True, slots=True)
class CodesOfDays:
    """Codes by day and country (calling code, without plus)."""

    today: int
    accepted: Mapping[tuple[int, str], int]
    used: Mapping[tuple[int, str], int]


class CodeCounts:
    """Reads the counts."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def read(self) -> CodesOfDays:
        """All that is counted, in one round trip."""
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.hgetall(self._keys.codes)
            (seconds, _), fields = pipeline.execute()
        return CodesOfDays(int(seconds) // 86_400, _of_kind(fields, "accepted"), _of_kind(fields, "used"))


def _of_kind(fields: Mapping[Any, Any], wanted: str) -> dict[tuple[int, str], int]:
    """The fields that are named ``DAY wanted COUNTRY``."""
    found = {}
    for name, count in fields.items():
        day, kind, country = str(name).split(" ")
        if kind == wanted:
            found[int(day), country] = int(count)
    return found

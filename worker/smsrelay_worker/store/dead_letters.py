"""DeadLetterIndex: which messages failed, ended unknown or expired, within the retention. Raises ``StoreUnavailable``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from smsrelay.store.connection import StoreRedis, store_answers


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the index, behind ``skipped`` of the messages that ended at ``at`` (ms). Newer ones do not move it."""

    at: int
    skipped: int

    def encode(self) -> str:
        """As text, for a link."""
        return f"{self.at}.{self.skipped}"

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """Read what ``encode`` wrote; None for anything else."""
        at, _, skipped = text.partition(".")
        return (
            cls(int(at), int(skipped)) if at.isdecimal() and skipped.isdecimal() and len(text) < 32 and text.isascii() else None
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One entry of the index, and the place behind it."""

    message_id: str
    at: int  # ms
    place: Place


class DeadLetterIndex:
    """Ids of messages that ended without a delivery; ``apply.lua`` writes it."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def ids(self, since: int, expired: bool = False) -> list[str]:
        """Ids of messages that failed or ended unknown, or of those that expired, since an instant (ms); newest first."""
        with store_answers():
            return [str(one) for one in self._redis.zrange(self._key(expired), "+inf", since, desc=True, byscore=True)]

    def page(self, behind: Place | None, most: int, *, expired: bool = False) -> list[DeadLetter]:
        """Up to ``most`` entries from the newest, or from a place on; newest first. Costs the same wherever that is."""
        key, first = self._key(expired), 0
        with store_answers():
            if behind is not None:
                first = int(self._redis.zcount(key, f"({behind.at}", "+inf")) + behind.skipped
            found: Any = self._redis.zrange(key, first, first + most - 1, desc=True, withscores=True)
        return _placed([(str(message_id), int(score)) for message_id, score in found], behind)

    def now(self) -> int:
        """The store's clock, in ms."""
        with store_answers():
            seconds, micros = self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def count(self, expired: bool = False) -> int:
        """How many messages failed or ended unknown, or how many expired."""
        with store_answers():
            return int(self._redis.zcard(self._key(expired)))

    def _key(self, expired: bool) -> str:
        return self._keys.expired if expired else self._keys.dead


def _placed(entries: Sequence[tuple[str, int]], behind: Place | None) -> list[DeadLetter]:
    placed = []
    for message_id, at in entries:
        skipped = behind.skipped + 1 if behind is not None and behind.at == at else 1
        behind = Place(at, skipped)
        placed.append(DeadLetter(message_id, at, behind))
    return placed

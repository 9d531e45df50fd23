"""Walk: one step of SCAN or HSCAN after the other, all of them on one server.

Such a walk finds whatever is there from its beginning to its end, at least once. But its cursor is a place in the order in which
one server keeps its keys. A server that takes over, or is started again, keeps them in another; going on there would silently
leave some out. So a place names its server, by the run id of INFO, which takes the right to ask for it.
Raises ``StoreUnavailable``; ``AnotherServer`` for a walk that has to begin anew.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smsrelay.store.connection import StoreRedis, StoreUnavailable, store_answers

_ENCODED = re.compile(r"([0-9]{1,20}):([0-9a-f]{0,64})")


class AnotherServer(StoreUnavailable):
    """The server is not the one on which the walk began."""

    def __init__(self) -> None:
        super().__init__("the store was started again, or another server took its place, in the middle of the walk")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk goes on. ``server``: the run id of whose cursor it is; empty at the beginning."""

    cursor: int = 0
    server: str = ""

    def encode(self) -> str:
        """As text, for whoever goes on later."""
        return f"{self.cursor}:{self.server}"

    @classmethod
    def decode(cls, text: str) -> "Place | None":
        """None for text that ``encode`` has not made."""
        read = _ENCODED.fullmatch(text)
        return cls(int(read[1]), read[2]) if read else None


BEGINNING = Place()


def next_keys(redis: StoreRedis, place: Place, match: str, count: int) -> tuple[list[str], Place | None]:
    """The matching ones among about ``count`` further keys, and where to go on; None: that was all."""
    names, further = _step(redis, place, lambda step, cursor: step.scan(cursor, match=match, count=count))
    return list(map(str, names)), further


def key_pages(redis: StoreRedis, match: str, count: int) -> Iterator[list[str]]:
    """All matching keys, of about ``count`` at a time; a page may be empty."""
    place: Place | None = BEGINNING
    while place is not None:
        names, place = next_keys(redis, place, match, count)
        yield names


def field_pages(redis: StoreRedis, key: str, match: str | None, count: int) -> Iterator[Mapping[str, str]]:
    """All matching fields of a hash with their values, of about ``count`` at a time; a page may be empty."""
    place: Place | None = BEGINNING
    while place is not None:
        fields, place = _step(redis, place, lambda step, cursor: step.hscan(key, cursor, match=match, count=count))
        yield fields


def _step(redis: StoreRedis, place: Place, ask: Callable[[Any, int], object]) -> tuple[Any, Place | None]:
    """What a step finds, and where to go on. Its server is asked for its name on the same connection, in one round trip."""
    with store_answers(), redis.pipeline(transaction=False) as pipeline:
        ask(pipeline, place.cursor)
        pipeline.info("server")
        answer: list[Any] = pipeline.execute()
    (cursor, found), about = answer
    server = str(about.get("run_id", ""))
    if place.server not in {"", server}:
        raise AnotherServer
    return found, Place(int(cursor), server) if int(cursor) else None

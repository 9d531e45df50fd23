"""NumberIndex: which messages a number has, found by its keyed digest.

The outbox writes an entry with each record, and ``apply.lua`` gives it the record's lifetime. Messages that are older than the
index are not in it. While keys are replaced, a number is looked for under every key of the ring. Raises ``StoreUnavailable``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.message import recipient_digest
from smsrelay.messages.record import Record
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay.store.script import Call, Script

PAGE = 500  # entries that one run of the script looks at: it blocks the store for about half a millisecond


@dataclass(frozen=True, slots=True)
class Page:
    """A part of one sorted set of the index. Its repr shows no digest."""

    key: str
    digest: str  # the part with which the number's entries begin
    first: int = 0  # place

    def __repr__(self) -> str:
        return f"Page({self.first})"


class NumberIndex:
    """For any number of threads. Numbers are E.164."""

    def __init__(self, redis: StoreRedis, number_keys: KeyRing) -> None:
        self._keys, self._number_keys = redis.store_keys, number_keys
        self._read = Script(redis, __name__, "numbers.lua", ("ids.lua",))

    @property
    def script(self) -> str:
        """Lua source of the script that ``commands`` runs."""
        return self._read.source

    def ids(self, number: str) -> Iterator[list[str]]:
        """Ids of the number's messages, some at a time; one that becomes final meanwhile may come twice, or not at all."""
        yield from self.ids_on(self.first_pages(number))

    def ids_on(self, pages: Sequence[Page]) -> Iterator[list[str]]:
        """Ids of the messages on these pages and the pages behind them, some at a time."""
        while pages:
            ids, pages = following(pages, self._read.run_many([_call(page) for page in pages]))
            yield ids

    def records(
        self, records: Records, number: str, wanted: Callable[[Record], bool] = lambda _: True, most: int | None = None
    ) -> list[Record]:
        """The number's messages that are ``wanted``, the newest first; looks no further once it has ``most``."""
        found: dict[str, Record] = {}
        for ids in self.ids(number):
            readings = records.read_many(ids)
            found |= {one.record.message_id: one.record for one in readings if one is not None and wanted(one.record)}
            if most is not None and len(found) >= most:
                break
        return newest_first(found.values(), most)

    def first_pages(self, number: str) -> list[Page]:
        """Where the number's messages are looked for: in two sets for each key."""
        pages = []
        for digest in (recipient_digest(key, number) for key in self._number_keys.all):
            pages += self.pages_of(digest)
        return pages

    def pages_of(self, digest: str) -> list[Page]:
        """Where the messages under one digest are looked for."""
        first, second = self._keys.numbers(digest)
        return [Page(first, digest[2:]), Page(second, digest[3:])]

    def commands(self, pages: Sequence[Page]) -> list[tuple[Any, ...]]:
        """The reading of pages as commands to send on a connection; ``following`` reads the answers."""
        return self._read.commands([_call(page) for page in pages])


def following(pages: Sequence[Page], answers: Sequence[Any]) -> tuple[list[str], list[Page]]:
    """The ids on these pages, each once, and the pages behind them."""
    found, further = dict[str, None](), []
    for page, (place, *ids) in zip(pages, answers, strict=True):
        found |= dict.fromkeys(map(str, ids))
        if int(place) >= 0:
            further.append(Page(page.key, page.digest, int(place)))
    return list(found), further


def newest_first(records: Iterable[Record], most: int | None) -> list[Record]:
    """Records by their acceptance, at most so many."""
    return sorted(records, key=lambda one: one.created_at, reverse=True)[:most]


def _call(page: Page) -> Call:
    return Call([page.key], [page.digest, page.first, PAGE])

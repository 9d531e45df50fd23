"""Suppressions: the numbers that want no marketing, by list. Every method raises ``StoreUnavailable``.

Numbers are in E.164. They are stored as digests by the newest number key and found by every key of the ring. Once a key leaves
the ring, nothing that is stored under it is found. A call whose answer was lost may be repeated; a number that it had added then
counts as known.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from smsrelay.contract.key_name import key_names
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.message import recipient_digest
from smsrelay.contract.suppression import SuppressedCount, Suppression
from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay.store.script import Call, Script
from smsrelay.store.walk import field_pages

BATCH = 200  # numbers a script call: while the store is busy with them, codes wait
_PAGE = 1000  # fields a step through the hash
_LOOKED_UP = 1000  # fields a command
_GLOB = re.compile(r"[\[\]*?\\^]")


class Suppressions:
    """All lists; safe to share between threads."""

    def __init__(self, redis: StoreRedis, number_keys: KeyRing) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._number_keys = number_keys
        self._newest = key_names(number_keys)[0]
        self._add = Script(redis, __name__, "suppress.lua", durable=True)
        self._remove = Script(redis, __name__, "unsuppress.lua", durable=True)

    @property
    def scripts(self) -> tuple[str, ...]:
        """Sources of the scripts, for ``SCRIPT LOAD``."""
        return self._add.source, self._remove.source

    def add(self, numbers: Sequence[str], name: str, source: str) -> list[bool]:
        """Put numbers on a list; True for each that was not there yet."""
        return flags(self._add.run_many(self._adding(numbers, name, source)))

    def remove(self, numbers: Sequence[str], name: str) -> list[bool]:
        """Take numbers off a list; True for each that was there."""
        return flags(self._remove.run_many(self._removing(numbers, name)))

    def restore(self, suppressions: Sequence[Suppression]) -> list[bool]:
        """Put exported entries back, with their instants and keys; True for each that was not there yet."""
        entries = [[one.list, one.since, one.source, one.key_name, one.digest] for one in suppressions]
        return flags(self._add.run_many(self._calls(entries)))

    def of(self, number: str, lists: Sequence[str] | None = None) -> list[Suppression]:
        """The entries of a number on these lists; on any list without them."""
        fields = self.fields(number, [one.list for one in self.counts()] if lists is None else lists)
        found: list[Suppression] = []
        for start in range(0, len(fields), _LOOKED_UP):
            some = fields[start : start + _LOOKED_UP]
            with store_answers():
                values: Any = self._redis.hmget(self._keys.suppressed, some)
            found += decoded(some, values)
        return found

    def entries(self, name: str | None = None) -> Iterator[Suppression]:
        """Every entry, or those of one list, in no order and in bounded memory.

        One that is there all the while comes at least once; one that is added or removed meanwhile may come or not.
        """
        match = None if name is None else "*|" + _GLOB.sub(r"\\\g<0>", name)
        for page in field_pages(self._redis, self._keys.suppressed, match, _PAGE):
            for field, value in page.items():
                yield Suppression.decode(field, value)

    def counts(self) -> list[SuppressedCount]:
        """How many numbers each list holds, in the order of their names."""
        return suppressed_counts(self._redis)

    def fields(self, number: str, lists: Iterable[str]) -> list[str]:
        """The fields of ``{sms}:suppressed`` under which a number may be on lists."""
        digests = self._digests(number)
        return [f"{digest}|{name}" for name in lists for digest in digests]

    def read_command(self, fields: Sequence[str]) -> tuple[str, ...]:
        """The values of fields as a command to send on a connection; ``decoded`` reads the answer."""
        return "HMGET", self._keys.suppressed, *fields

    def add_commands(self, numbers: Sequence[str], name: str, source: str) -> list[tuple[Any, ...]]:
        """The commands that add, for an event loop; ``flags`` reads their answers."""
        return self._add.commands(self._adding(numbers, name, source))

    def remove_commands(self, numbers: Sequence[str], name: str) -> list[tuple[Any, ...]]:
        """The commands that remove, for an event loop."""
        return self._remove.commands(self._removing(numbers, name))

    def _adding(self, numbers: Sequence[str], name: str, source: str) -> list[Call]:
        return self._calls([[name, 0, source, self._newest, *self._digests(number)] for number in numbers])

    def _removing(self, numbers: Sequence[str], name: str) -> list[Call]:
        return self._calls([[name, *self._digests(number)] for number in numbers])

    def _calls(self, entries: Sequence[Sequence[object]]) -> list[Call]:
        both = [self._keys.suppressed, self._keys.suppressed_counts]
        parts = (entries[start : start + BATCH] for start in range(0, len(entries), BATCH))
        return [Call(both, [json.dumps(part, ensure_ascii=False)]) for part in parts]

    def _digests(self, number: str) -> list[str]:
        return [recipient_digest(key, number) for key in self._number_keys.all]


def suppressed_counts(redis: StoreRedis) -> list[SuppressedCount]:
    """How many numbers each list holds, in the order of their names; raises ``StoreUnavailable``."""
    with store_answers():
        found: Any = redis.hgetall(redis.store_keys.suppressed_counts)
    by_list: dict[str, list[tuple[str, int]]] = {}
    for field, count in sorted(found.items()):
        name, _, key_name = field.rpartition("|")
        by_list.setdefault(name, []).append((key_name, int(count)))
    return [SuppressedCount(name, tuple(counts)) for name, counts in sorted(by_list.items())]


def flags(answers: Iterable[Sequence[int]]) -> list[bool]:
    """What the commands that add or remove answered, for each number."""
    return [bool(one) for answer in answers for one in answer]


def decoded(fields: Iterable[str], values: Iterable[str | None]) -> list[Suppression]:
    """The entries among looked-up fields."""
    return [Suppression.decode(field, value) for field, value in zip(fields, values, strict=True) if value is not None]

"""ActionLog: who changed what, newest first. Two capped streams, so that busy apps do not push out what operators did.

An entry is written after the action: a process that dies between the two leaves an action without an entry. What takes many
steps has another, written before. Raises ``StoreUnavailable``.
"""

import heapq
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay_worker.store.actions.action import Action, ActionFilter, Via

_KEPT = 10_000  # entries of operators, and as many of apps, about
_PAGE = 200  # entries in one round trip
_OF_APP = "a"  # ends the id of an app's entry: both streams may have an entry of the same instant
_ANY = ActionFilter()


class ActionLog:
    """Safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def append(self, action: Action) -> Action:
        """Write an entry; returns it with its instant and id."""
        with store_answers():
            entry_id = str(self._redis.execute_command(*self.append_command(action)))  # type: ignore[no-untyped-call]
        return replace(action, at=_instant(entry_id), entry_id=entry_id + (_OF_APP if action.via is Via.API else ""))

    def append_command(self, action: Action) -> tuple[str, ...]:
        """``append`` as a command to send on a connection."""
        key = self._keys.app_actions if action.via is Via.API else self._keys.actions
        fields = [text for field in action.encode().items() for text in field]
        return ("XADD", key, "MAXLEN", "~", str(_KEPT), "*", *fields)

    def read(self, wanted: ActionFilter = _ANY, *, before: str = "", limit: int = 50) -> list[Action]:
        """The newest ``limit`` entries that match; ``before``: only those older than the entry with this id."""
        operators, apps = _bounds(before)
        found = heapq.merge(
            self._entries(self._keys.actions, operators, wanted.since, ""),
            self._entries(self._keys.app_actions, apps, wanted.since, _OF_APP),
            key=_order,
            reverse=True,
        )
        return list(islice((one for one in found if wanted.matches(one)), limit))

    def _entries(self, key: str, newest: str, since: int, mark: str) -> Iterator[Action]:
        """Every entry of a stream, newest first."""
        while True:
            with store_answers():
                page: Any = self._redis.xrevrange(key, max=newest, min=str(since), count=_PAGE)
            for entry_id, fields in page:
                yield Action.decode(f"{entry_id}{mark}", _instant(entry_id), fields)
            if len(page) < _PAGE:
                return
            newest = f"({page[-1][0]}"


def _bounds(before: str) -> tuple[str, str]:
    """From where on to read both streams: of two entries of the same instant, the app's comes first."""
    if not before:
        return "+", "+"
    entry_id = before.removesuffix(_OF_APP)
    return (entry_id if before.endswith(_OF_APP) else f"({entry_id}", f"({entry_id}")


def _order(action: Action) -> tuple[int, int, bool]:
    instant, _, place = action.entry_id.removesuffix(_OF_APP).partition("-")
    return int(instant), int(place), action.entry_id.endswith(_OF_APP)


def _instant(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])

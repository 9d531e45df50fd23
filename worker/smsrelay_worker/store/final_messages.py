"""FinalMessages: walks through all records and finds the final ones; in bounded steps, and leaving the store half of its time.

The walk finds whatever is there from its beginning to its end, at least once (``smsrelay.store.walk``). Raises
``StoreUnavailable``, also when the server is not the one of the beginning any more.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry
from smsrelay.store.connection import StoreRedis
from smsrelay.store.script import Call, Script
from smsrelay.store.walk import BEGINNING, next_keys

_STEP = 1000  # keys that the store looks at in one round trip
_LONGEST_REST = 1.0  # seconds
_TOGETHER = 200  # records that one run of the script reads: it blocks the store for about half a millisecond
_FINAL = tuple(state.value for state in State if state.final)


@dataclass(frozen=True, slots=True)
class FinalMessage:
    """What tells whether somebody has a message already. ``accepted_at`` in ms.

    A store that lost its last writes gives out the same revisions again; then ``changed_at`` tells them apart.
    """

    message_id: str
    accepted_at: int
    revision: int
    changed_at: int  # the last line of its timeline; ms
    used: bool  # the app has said that the recipient used the code, which raises no revision


class FinalMessages:
    """``rest`` waits for seconds: between two steps for as long as the store took for the first one."""

    def __init__(
        self, redis: StoreRedis, rest: Callable[[float], object] = time.sleep, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._rest, self._monotonic = rest, monotonic
        self._final = Script(redis, __name__, "final_messages.lua")

    def pages(self) -> Iterator[list[FinalMessage]]:
        """All final messages, some at a time; one may come twice."""
        match, place = self._keys.message("*"), BEGINNING
        while True:
            began = self._monotonic()
            names, further = next_keys(self._redis, place, match, _STEP)
            page = self._read(names)
            took = self._monotonic() - began
            if page:
                yield page
            if further is None:
                return
            place = further
            self._rest(min(took, _LONGEST_REST))

    def _read(self, names: list[str]) -> list[FinalMessage]:
        parts = [names[start : start + _TOGETHER] for start in range(0, len(names), _TOGETHER)]
        answers = self._final.run_many([Call(part, _FINAL) for part in parts])
        prefix = self._keys.message("")
        return [
            _read(part[int(place)].removeprefix(prefix), *fields)
            for part, answer in zip(parts, answers, strict=True)
            for place, *fields in answer
        ]


def _read(message_id: str, accepted_at: str, revision: str, line: str, used: str) -> FinalMessage:
    at = int(accepted_at)
    changed_at = Entry.decode(line, at).at if line else at  # a record omits a first line that says nothing but its acceptance
    return FinalMessage(message_id, at, int(revision), changed_at, bool(used))

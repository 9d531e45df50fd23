"""Refused requests: what came to the receiver and was no callback of ours, counted and told in a line now and then.

A proxy that changes the path loses every report, and only this shows that any came. It quotes no path, for one may hold a token
or a number, and writes at most one line of each kind in ``_EVERY`` seconds, however many strangers call.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay.contract.callback_token import callback_segment, looks_signed, segments

_EVERY = 5.0  # seconds

_log: FilteringBoundLogger = structlog.get_logger()


class Refusal(StrEnum):
    """What is wrong with a request that is no callback of ours."""

    WRONG_PROOF = "wrong proof"  # of another secret, or forged
    ENDED = "ended"  # a path of ours whose time is over
    UNSIGNED = "unreadable unsigned"  # or too large, or cut off
    TOO_OFTEN = "too many unsigned"  # a second
    CHANGED_PATH = "changed path"  # begins like ours somewhere, and does not end like ours
    NOT_A_POST = "not a POST"  # on a path of ours
    STRANGE_PATH = "strange path"  # nothing of ours in it


def refusal_of(path: str) -> Refusal:
    """What is wrong with a path that is none of ours."""
    parts = segments(path)
    if looks_signed(parts):
        return Refusal.WRONG_PROOF
    return Refusal.STRANGE_PATH if callback_segment(parts) is None else Refusal.CHANGED_PATH


class RefusedRequests:
    """For one event loop. ``note`` is given the counts of each line, by what was wrong."""

    def __init__(self, note: Callable[[Mapping[str, int]], Awaitable[None]], every: float = _EVERY) -> None:
        self._note = note
        self._every = every
        self._counts: Counter[Refusal] = Counter()
        self._last: dict[Refusal, list[str]] = {}
        self._telling: asyncio.Task[None] | None = None

    def count(self, path: str, refusal: Refusal) -> None:
        """Count a request; the first one is told at once."""
        self._counts[refusal] += 1
        self._last[refusal] = segments(path)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self._counts:
            counts, self._counts = self._counts, Counter()
            for refusal, count in counts.items():
                self._tell_of(refusal, count, self._last[refusal])
            await self._note({refusal.value: count for refusal, count in counts.items()})
            await asyncio.sleep(self._every)

    def _tell_of(self, refusal: Refusal, count: int, last: list[str]) -> None:
        if refusal is Refusal.WRONG_PROOF:
            _log.warning("callback.forged", count=count)
        else:
            _log.warning(
                "callback.refused", reason=refusal.value, count=count, segments=len(last), ours_at=callback_segment(last)
            )

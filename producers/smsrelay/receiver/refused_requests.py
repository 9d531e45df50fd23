"""RefusedRequests: counts the requests that the receiver refused, and logs a summary every few seconds.

If a proxy changes the path, every report is lost, and only this shows that any came. No path is logged, because it may contain a
token or a phone number. At most one line for each reason is logged in ``_INTERVAL`` seconds, however many requests come.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay.contract.callback_token import callback_segment, looks_signed, path_segments

_INTERVAL = 5.0  # seconds

_log: FilteringBoundLogger = structlog.get_logger()


class Refusal(StrEnum):
    """Why a request was refused."""

    WRONG_PROOF = "wrong proof"  # signed with another key, or forged
    EXPIRED = "expired"  # the token has expired
    UNREADABLE_UNSIGNED = "unreadable unsigned"  # without a token, and unreadable, too large or cut off
    TOO_MANY_UNSIGNED = "too many unsigned"  # in this second
    CHANGED_PATH = "changed path"  # has the segment `callback`, but does not end like a signed path
    NOT_A_POST = "not a POST"  # on a signed path
    STRANGE_PATH = "strange path"  # nothing in it is ours


def refusal_of(path: str) -> Refusal:
    """Why a path without a valid token is refused."""
    parts = path_segments(path)
    if looks_signed(parts):
        return Refusal.WRONG_PROOF
    return Refusal.STRANGE_PATH if callback_segment(parts) is None else Refusal.CHANGED_PATH


class RefusedRequests:
    """For one event loop. ``save`` gets the counts of each summary, by reason; ``interval``: seconds between two."""

    def __init__(self, save: Callable[[Mapping[str, int]], Awaitable[None]], interval: float = _INTERVAL) -> None:
        self._save = save
        self._interval = interval
        self._counts: Counter[Refusal] = Counter()
        self._last: dict[Refusal, list[str]] = {}  # segments of the last path refused
        self._reporting: asyncio.Task[None] | None = None

    def count(self, path: str, refusal: Refusal) -> None:
        """Count a request. The first one is logged at once."""
        self._counts[refusal] += 1
        self._last[refusal] = path_segments(path)
        if self._reporting is None or self._reporting.done():
            self._reporting = asyncio.get_running_loop().create_task(self._report())

    async def _report(self) -> None:
        while self._counts:
            counts, self._counts = self._counts, Counter()
            for refusal, count in counts.items():
                self._log_summary(refusal, count, self._last[refusal])
            await self._save({refusal.value: count for refusal, count in counts.items()})
            await asyncio.sleep(self._interval)

    def _log_summary(self, refusal: Refusal, count: int, last: list[str]) -> None:
        if refusal is Refusal.WRONG_PROOF:
            _log.warning("callback.forged", count=count)
        else:
            _log.warning(
                "callback.refused", reason=refusal.value, count=count, segments=len(last), callback_at=callback_segment(last)
            )

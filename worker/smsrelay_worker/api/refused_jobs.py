"""RefusedJobs: counts the jobs that the API refused by itself, and has the store count them every few seconds.

A process that is killed loses the counts of those seconds. What the store refuses, it counts itself.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay.messages.refused_job import RefusedJob
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.api.problem_code import ProblemCode

_INTERVAL = 5.0  # seconds
_REASONS = {
    ProblemCode.INVALID: RefusedJob.INVALID,
    ProblemCode.REFERENCE_TAKEN: RefusedJob.REFERENCE_TAKEN,
    **dict.fromkeys(
        (ProblemCode.OTHER_APP, ProblemCode.LANE_NOT_ALLOWED, ProblemCode.NUMBER_NOT_ALLOWED), RefusedJob.NOT_ALLOWED
    ),
    **dict.fromkeys((ProblemCode.QUOTA_MINUTE, ProblemCode.QUOTA_DAY), RefusedJob.QUOTA),
    **dict.fromkeys(
        (ProblemCode.MALFORMED, ProblemCode.NOT_JSON, ProblemCode.COMPRESSED, ProblemCode.CUT_OFF, ProblemCode.TOO_LARGE),
        RefusedJob.UNDECODABLE,
    ),
}

_log: FilteringBoundLogger = structlog.get_logger()


class RefusedJobs:
    """For one event loop. ``save`` gets the counts by reason, and a token that stays the same when they are saved again."""

    def __init__(self, save: Callable[[str, Mapping[str, int]], Awaitable[None]], interval: float = _INTERVAL) -> None:
        self._save = save
        self._interval = interval
        self._counts: Counter[str] = Counter()
        self._saving: asyncio.Task[None] | None = None

    def count(self, code: ProblemCode, jobs: int = 1) -> None:
        """Count jobs that are refused with this code, unless the store has counted them."""
        reason = _REASONS.get(code)
        if reason is None:
            return
        self._counts[reason.value] += jobs
        if self._saving is None or self._saving.done():
            self._saving = asyncio.get_running_loop().create_task(self._save_counts())

    async def _save_counts(self) -> None:
        while self._counts:
            await asyncio.sleep(self._interval)
            counts, self._counts = self._counts, Counter()
            token = secrets.token_urlsafe(12)
            while not await self._saved(token, counts):
                await asyncio.sleep(self._interval)

    async def _saved(self, token: str, counts: Mapping[str, int]) -> bool:
        try:
            await self._save(token, counts)
        except StoreUnavailable as error:
            _log.debug("api.refusals_not_counted", reason=str(error))
            return False
        return True

"""RefusalLog: counts what the API refused, and logs a line for each reason every few seconds, however many requests come.

A line names the key by its id, the status and the code. It holds nothing of a request.
"""

import asyncio
from collections import Counter

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay_worker.api.problem_code import ProblemCode

_INTERVAL = 5.0  # seconds

_log: FilteringBoundLogger = structlog.get_logger()


class RefusalLog:
    """For one event loop."""

    def __init__(self, interval: float = _INTERVAL) -> None:
        self._interval = interval
        self._counts: Counter[tuple[str | None, ProblemCode]] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def count(self, key_id: str | None, code: ProblemCode) -> None:
        """Count one. ``key_id`` is None for a request without a key that opens."""
        self._counts[key_id, code] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._log_counts)

    def _log_counts(self) -> None:
        self._timer = None
        counts, self._counts = self._counts, Counter()
        for (key_id, code), count in counts.items():
            _log.warning("api.refused", key=key_id, status=code.status, code=code.value, count=count)

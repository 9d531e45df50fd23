"""QuotaGate: lets requests pass within the quotas of their keys. Requests that come at the same time share a round trip.

For one event loop. Raises ``StoreUnavailable``.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from smsrelay.call_batcher import CallBatcher
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.connection import timed_out
from smsrelay_worker.api.exchange import Refused
from smsrelay_worker.api.problem_code import ProblemCode
from smsrelay_worker.apps.model import Apps
from smsrelay_worker.store.api.api_key import ApiKey
from smsrelay_worker.store.api.quotas import Limits, OverQuota, Quotas, Window

_AT_MOST = 500  # requests a round trip
_CODES = {Window.MINUTE: ProblemCode.QUOTA_MINUTE, Window.DAY: ProblemCode.QUOTA_DAY}

_Batcher = CallBatcher[int, OverQuota | None]


class QuotaGate:
    """A key's own quotas, or those of its app. ``timeout``: seconds that a request waits for the store."""

    def __init__(self, store: AsyncStore, quotas: Quotas, apps: Apps, timeout: float) -> None:
        self._store = store
        self._quotas = quotas
        self._apps = apps
        self._timeout = timeout
        self._batchers: dict[tuple[str, Limits], _Batcher] = {}

    async def count(self, key: ApiKey, messages: int) -> None:
        """Count messages about to be enqueued; raises ``Refused`` when they do not all fit."""
        limits = self._limits(key)
        if not limits.any or messages == 0:
            return
        known = (key.key_id, limits)
        batcher = self._batchers.get(known)
        if batcher is None:
            batcher = self._batchers[known] = CallBatcher(
                partial(self._flush, *known), _nothing, timed_out, self._timeout, _AT_MOST
            )
        over = await batcher.call(messages, asyncio.get_running_loop().time() + self._timeout)
        if over is not None:
            raise Refused(_CODES[over.window], retry_after=over.retry_after)

    def _limits(self, key: ApiKey) -> Limits:
        app = self._apps.get(key.app)
        minute, day = (app.quota.minute, app.quota.day) if app else (None, None)
        return Limits(minute if key.quota_minute is None else key.quota_minute, day if key.quota_day is None else key.quota_day)

    async def _flush(self, key_id: str, limits: Limits, counts: Sequence[int], until: float) -> list[OverQuota | None]:
        [answer] = await self._store.execute([self._quotas.command(key_id, limits, counts)], until)
        return self._quotas.read(answer)


async def _nothing(_results: Sequence[OverQuota | None], _until: float) -> None:
    """Nothing follows a count."""

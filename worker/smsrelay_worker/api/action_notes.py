"""ActionNotes: what a key of the HTTP API changed, written to the action log after it was done."""

from dataclasses import dataclass

import structlog
from structlog.typing import FilteringBoundLogger

from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.store.actions.action import Action, Via
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.store.api.api_key import ApiKey

_log: FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ActionNotes:
    """For one event loop. ``actions`` only prepares commands, and opens no connection."""

    store: AsyncStore
    actions: ActionLog

    async def write(self, key: ApiKey, what: str, target: str, result: str, until: float) -> None:
        """Write an entry, until an instant on the loop's clock; without one, the request has been carried out all the same."""
        command = self.actions.append_command(Action(Via.API, key.key_id, what, target, result))
        try:
            await self.store.execute([command], until)
        except StoreUnavailable:
            _log.warning("api.action_not_logged", key=key.key_id, what=what)

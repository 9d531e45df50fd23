"""AsyncCampaigns: campaigns, from an event loop; raises ``StoreUnavailable`` as ``Campaigns`` does."""

from typing import Any

from smsrelay.messages.progress import CampaignProgress
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.traffic.campaigns import PAGE, Campaigns, read_progress
from smsrelay.store.traffic.halts import Effect


class AsyncCampaigns:
    """For one event loop. ``campaigns`` only prepares commands, and opens no connection; ``store`` knows its scripts.

    A campaign is named APP/NAME; ``until`` is an instant of the loop's clock.
    """

    def __init__(self, store: AsyncStore, campaigns: Campaigns) -> None:
        self._store = store
        self._campaigns = campaigns

    async def page(self, until: float, *, app: str = "", skip: int = 0, limit: int = PAGE) -> list[CampaignProgress]:
        """How far campaigns are, the one that accepted a message last first; of one app, or of all."""
        [names] = await self._store.execute([self._campaigns.names_command(app=app, skip=skip, limit=limit)], until)
        commands = [command for name in names for command in self._campaigns.progress_commands(name)]
        return read_progress(names, await self._store.execute(commands, until)) if commands else []

    async def progress(self, name: str, until: float) -> CampaignProgress | None:
        """How far a campaign is; ``None`` if it is unknown."""
        found = read_progress([name], await self._store.execute(self._campaigns.progress_commands(name), until))
        return found[0] if found else None

    async def pause(self, name: str, until: float) -> Effect:
        """Begin no further attempt of it; what was begun goes on."""
        return await self._effect(self._campaigns.pause_command(name), until)

    async def resume(self, name: str, until: float) -> Effect:
        """End the pause. Workers release within seconds what waited for it, at the rate."""
        return await self._effect(self._campaigns.resume_command(name), until)

    async def cancel(self, name: str, until: float) -> Effect:
        """Begin no message of it any more, and accept none. Workers cancel what waits; what was begun goes on."""
        return await self._effect(self._campaigns.cancel_command(name), until)

    async def _effect(self, command: tuple[Any, ...], until: float) -> Effect:
        [answer] = await self._store.execute_durably([command], until)
        return Effect(int(answer))
